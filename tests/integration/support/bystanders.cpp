#include "bystanders.h"

#include <algorithm>
#include <chrono>
#include <fstream>
#include <stdexcept>

#include "daemon.h"
#include "ports.h"

namespace muster::test {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr auto cookie = "bystander";

/// KiB, "VmRSS" or "VmHWM".
long memory_of(pid_t pid, const std::string& what) {
  const auto status = read_file("/proc/" + std::to_string(pid) + "/status");
  const auto at = status.find(what + ":");
  return at == std::string::npos ? 0 : std::stol(status.substr(at + what.size() + 1));
}

std::string name_of(unsigned number) {
  return "f" + std::to_string(number) + "@127.1." + std::to_string(number / 256) + "." +
         std::to_string(number % 256);
}

}  // namespace

Bystanders::Bystanders(const Daemon& daemon, unsigned nodes) : daemon_(daemon), nodes_(nodes) {
  write_file(dir_ / "cookie", cookie, 0400);
  Command command;
  command.argv = {MUSTER_FARM, "--nodes",       std::to_string(nodes), "--epmd-port",
                  "0",         "--cookie-file", dir_ / "cookie"};
  command.output = dir_ / "log";
  farm_ = std::make_unique<Process>(std::move(command));
  if (!farm_->wait_for_output("ready", seconds(10))) throw std::runtime_error(farm_->output());
  add_nodes();
  // The windows of its own figures are of ten seconds.
  std::this_thread::sleep_for(seconds(11));
  idle_ = memory_of(daemon_.pid(), "VmRSS");
  std::ofstream("/proc/" + std::to_string(daemon_.pid()) + "/clear_refs") << "5";  // VmHWM anew
  asking_ = std::thread([this] { run(); });
}

Bystanders::~Bystanders() {
  is_over_ = true;
  if (asking_.joinable()) asking_.join();
}

void Bystanders::add_nodes() {
  const auto said = farm_->output();
  constexpr std::string_view before_port = "nodes on port ";
  const auto port = std::stoi(said.substr(said.find(before_port) + before_port.size()));
  for (unsigned i = 1; i <= nodes_; ++i) {
    auto reply = daemon_.rest("POST", "/api/actions/add-node",
                              {{"name", name_of(i)}, {"cookie", cookie}, {"dist_port", port}});
    if (reply.status != 201) throw std::runtime_error("add " + name_of(i) + ": " + reply.text);
  }
  auto are_up = [&] {
    auto reply = daemon_.rest("GET", "/api/topo/nodes?state=DOWN&limit=1");
    return reply.status == 200 && reply.json.at("items").as_array().empty();
  };
  if (!eventually(are_up, seconds(30))) throw std::runtime_error("the bystanders are not UP");
}

void Bystanders::run() {
  for (auto next = Clock::now(); !is_over_; std::this_thread::sleep_until(next)) {
    next += milliseconds(100);
    ask();
    if (figures_.asked % 20 == 0)
      figures_.longest_turn = std::max(figures_.longest_turn, daemon_.longest_turn("10s"));
  }
}

void Bystanders::ask() {
  if (is_away_) return;
  HttpRequest request;
  request.url = daemon_.url("/api/topo/nodes/" + name_of(1));
  request.headers = {"Authorization: Bearer " + daemon_.token()};
  const auto began = Clock::now();
  const auto reply = http(request);
  const auto took = std::chrono::duration<double>(Clock::now() - began).count();
  if (is_away_) return;
  ++figures_.asked;
  if (reply.status != 200) ++figures_.unanswered;
  figures_.slowest_answer = std::max(figures_.slowest_answer, took);
}

Bystanders::Figures Bystanders::figures() {
  is_over_ = true;
  if (asking_.joinable()) asking_.join();
  figures_.longest_turn = std::max(figures_.longest_turn, daemon_.longest_turn("10s"));
  figures_.memory = memory_of(daemon_.pid(), "VmHWM") - idle_;
  for (unsigned i = 1; i <= nodes_; ++i) {
    auto reply = daemon_.rest("GET", "/api/topo/nodes/" + name_of(i));
    if (reply.status == 200 && reply.json.at("state") != "UP") ++figures_.down;
  }
  return figures_;
}

}  // namespace muster::test
