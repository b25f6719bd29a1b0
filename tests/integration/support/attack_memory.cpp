#include "attack_memory.h"

#include <fstream>
#include <iostream>

namespace muster::test {

using std::chrono::milliseconds;

namespace {

DaemonOptions small_budget() {
  DaemonOptions options;
  options.config =
      "[limits]\noutsiders_megabytes = 64\n"
      "[notifications]\nper_second = 1000\n"
      "[alarms.outsiders_memory]\nquiet = 2\n";
  return options;
}

}  // namespace

AttackMemory::AttackMemory() : daemon_(epmd_, small_budget()) {
  auto made = daemon_.rest("POST", "/api/tokens", {{"name", "viewer"}, {"role", "viewer"}});
  EXPECT_EQ(made.status, 201) << made.text;
  viewer_ = made.json.at("token").as_string();
  forget_peak();
}

void AttackMemory::TearDown() {
  const auto maps = read_file("/proc/" + std::to_string(daemon_.pid()) + "/maps");
  const auto grown = (memory("VmHWM") - idle_) / 1024;
  std::cout << "memory: " << grown << " MiB over the idle daemon's " << idle_ / 1024
            << ", slowest honest answer " << slowest_.count() << " ms" << std::endl;
  if (maps.find("san.so") == std::string::npos) {
    EXPECT_LE(grown, budget_mib + slack_mib);
  }
  EXPECT_LE(slowest_, milliseconds(1000));
}

long AttackMemory::memory(const std::string& what) const {
  const auto status = read_file("/proc/" + std::to_string(daemon_.pid()) + "/status");
  return std::stol(status.substr(status.find(what + ":") + what.size() + 1));
}

void AttackMemory::forget_peak() {
  idle_ = memory("VmRSS");
  std::ofstream("/proc/" + std::to_string(daemon_.pid()) + "/clear_refs") << "5";
}

HttpReply AttackMemory::ask(const std::string& path) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  HttpRequest request;
  request.url = daemon_.url(path);
  request.headers = {"Authorization: Bearer " + daemon_.token()};
  auto reply = http(request);
  EXPECT_EQ(reply.status, 200) << path << ": " << reply.text.substr(0, 200);
  slowest_ = std::max(slowest_, std::chrono::duration_cast<milliseconds>(Clock::now() - began));
  return reply;
}

std::string AttackMemory::request(const std::string& line, const std::string& more,
                                  const std::string& token) const {
  return line + " HTTP/1.1\r\nHost: h\r\n" +
         (token.empty() ? "" : "Authorization: Bearer " + token + "\r\n") + more + "\r\n";
}

Stranger& AttackMemory::come(Crowd& crowd) const {
  return *crowd.emplace_back(std::make_unique<Stranger>(daemon_.http_port()));
}

std::size_t AttackMemory::losses() {
  const auto reply = ask("/api/metrics/daemon");
  for (auto& family : reply.json.at("items").as_array())
    if (family.at("name") == "muster_daemon_outsiders_losses_total") {
      std::size_t sum = 0;
      for (auto& one : family.at("values").as_array())
        sum += one.at("value").to_number<std::size_t>();
      return sum;
    }
  return 0;
}

std::uint16_t AttackMemory::dist_port() const {
  const auto alive = daemon_.name().substr(0, daemon_.name().find('@'));
  Stranger asking(epmd_.port());
  std::string request("\0\0z", 3);
  request[1] = static_cast<char>(1 + alive.size());
  asking.say(request + alive);
  const auto answer = asking.hear(4);
  return static_cast<std::uint16_t>(static_cast<unsigned char>(answer.at(2)) << 8 |
                                    static_cast<unsigned char>(answer.at(3)));
}

}  // namespace muster::test
