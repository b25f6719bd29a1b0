// Honest nodes and an honest user beside many who are not: lying nodes, lying SSH hosts and a crowd
// of clients, all at once and for as long as MUSTER_SIEGE_SECONDS says: ten minutes in `tests/run
// --nightly`, on the release daemon; without it, not at all. In the end no sample and no log entry
// of the honest nodes is missing, and none of them was ever DOWN.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <ctime>
#include <deque>
#include <iostream>
#include <random>
#include <thread>

#include "daemon.h"
#include "deployment.h"
#include "epmd.h"
#include "ports.h"
#include "stranger.h"

namespace muster::test {
namespace {

namespace json = boost::json;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

double from_environment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stod(text);
}

constexpr unsigned honest = 100, lying = 50, hosts = 10, clients = 500;

std::string node_name(unsigned number) {
  return "f" + std::to_string(number) + "@127.1.0." + std::to_string(number);
}

/// Listens as an SSH host would and behaves in one of five bad ways.
class LyingHost {
 public:
  explicit LyingHost(unsigned kind)
      : kind_(kind % 5), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    port_ = free_port();
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port_);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_, 64) != 0)
      throw std::runtime_error("a host cannot listen");
    lying_ = std::thread([this] { run(); });
  }
  ~LyingHost() {
    is_over_ = true;
    lying_.join();
    for (int socket : taken_) ::close(socket);
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }

 private:
  void run() {
    const std::string noise(16 * 1024, kind_ == 0 ? 'x' : '\n');
    while (!is_over_) {
      pollfd asked{listener_, POLLIN, 0};
      if (::poll(&asked, 1, 10) > 0) {
        taken_.push_back(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
        if (kind_ == 3) say("SSH-2.0-OpenSSH_9.2\r\n");
      }
      if (kind_ <= 1) say(noise);                                   // bytes, or lines, without end
      if (kind_ == 2) say("S");                                     // a letter at a time
      if (kind_ == 3) say(std::string("\0\0\x7f\xff", 4) + noise);  // packets of nonsense
      while (taken_.size() > 20) {                                  // kind 4 only takes
        ::close(taken_.front());
        taken_.pop_front();
      }
    }
  }
  void say(const std::string& bytes) {
    for (int socket : taken_)
      ::send(socket, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  unsigned kind_;
  int listener_;
  std::uint16_t port_ = 0;
  std::deque<int> taken_;
  std::atomic<bool> is_over_ = false;
  std::thread lying_;
};

/// Five hundred connections with a viewer's token or none, each to no good.
class Crowd {
 public:
  Crowd(std::uint16_t port, std::string token) : port_(port), token_(std::move(token)) {
    pushing_ = std::thread([this] { run(); });
  }
  ~Crowd() {
    is_over_ = true;
    pushing_.join();
  }

 private:
  void run() {
    while (!is_over_) {
      try {
        auto& client = *clients_.emplace_back(std::make_unique<Stranger>(port_));
        push(client);
      } catch (const std::runtime_error&) {
        std::this_thread::sleep_for(milliseconds(50));
      }
      if (clients_.size() > clients) clients_.pop_front();
      std::this_thread::sleep_for(milliseconds(5));
    }
  }
  std::string head(const std::string& line) const {
    return line + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token_ + "\r\n";
  }
  void push(Stranger& client) {
    constexpr milliseconds soon(5);
    switch (random_() % 8) {
      case 0:  // answers that are not read
        client.say(head("GET /api/notifications?limit=1000") + "\r\n", soon);
        break;
      case 1:
        client.say(head("GET /api/topo/nodes?limit=1000") + "\r\n", soon);
        break;
      case 2: {  // a body that grows eight times when it is parsed
        std::string body = "[";
        for (int i = 0; i < 200'000; ++i) body += "0,";
        client.say(head("POST /api/echo") +
                       "Content-Type: application/json\r\nContent-Length: 1000000\r\n\r\n" + body,
                   milliseconds(50));
        break;
      }
      case 3:
        client.say("POST /api/health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n[0,0",
                   soon);
        break;
      case 4:
        client.say("GET /api/topo/nodes HTT", soon);
        break;
      case 5:
        client.say(head("GET /api/events") +
                       "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                       "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                   soon);
        break;
      case 6: {  // many at once
        std::string many;
        for (int i = 0; i < 100; ++i) many += head("GET /api/openapi.json") + "\r\n";
        client.say(many, soon);
        break;
      }
      default:
        client.say(head("GET /metrics") + "\r\n", soon);
    }
  }

  std::uint16_t port_;
  std::string token_;
  std::mt19937 random_{42};
  std::deque<std::unique_ptr<Stranger>> clients_;
  std::atomic<bool> is_over_ = false;
  std::thread pushing_;
};

double now() {
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_epoch).count();
}

std::string time_text(double time) {
  const auto whole = static_cast<std::time_t>(time);
  std::tm parts{};
  ::gmtime_r(&whole, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%FT%TZ", &parts)};
}

double seconds_of(std::string_view text) {
  std::tm parts{};
  const std::string whole(text);
  const char* rest = ::strptime(whole.c_str(), "%FT%T", &parts);
  return static_cast<double>(::timegm(&parts)) + (rest && *rest == '.' ? std::stod(rest) : 0);
}

/// When the node sent this point, where that is another time than when it came.
double time_of(const json::object& point) {
  return seconds_of(point.at(point.contains("node_at") ? "node_at" : "at").as_string());
}

/// When a siege was, in seconds since 1970.
struct Span {
  double began = now(), ended = began;
  std::string since = time_text(began);
};

class Siege : public testing::Test {
 protected:
  static int interval() {
    return std::max(1, static_cast<int>(from_environment("MUSTER_SIEGE_SECONDS", 20) / 120));
  }
  static DaemonOptions options() {
    DaemonOptions options;
    options.config = "[agents]\ninterval = " + std::to_string(interval()) +
                     "\n[metrics]\nkeep = \"1s:2h 5m:1d\"\n";  // each sample is looked for
    return options;
  }

  void SetUp() override {
    if (std::getenv("MUSTER_SIEGE_SECONDS") == nullptr)
      GTEST_SKIP() << "a siege lasts as long as MUSTER_SIEGE_SECONDS says: tests/run --nightly";
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
    start_farm();
    add(1, honest);
    ASSERT_TRUE(eventually([&] { return up() == honest; }, seconds(30)));
  }

  void start_farm() {
    const std::string source = MUSTER_SOURCE_DIR;
    write_file(dir_ / "cookie", "siege", 0400);
    run({"erlc", "-o", dir_.path(),
         source + "/erlang/apps/muster_agents/src/muster_agent_metrics.erl"});
    run({"erlc", "-o", dir_.path(), source + "/tests/bench/collection.erl"});
    run({"erl", "-noshell", "-boot", "no_dot_erlang", "-pa", dir_.path(), "-eval",
         "collection:write(\"" + (dir_ / "collection").string() + "\", \"" + source +
             "/erlang/apps/muster_agents/src/muster_agents.app.src\", \"" + source +
             "/schemas/metrics.json\", 150), halt()."});
    Command command;
    command.argv = {MUSTER_FARM,
                    "--nodes",
                    std::to_string(honest + lying),
                    "--liars",
                    std::to_string(lying),
                    "--entries",
                    "--collection",
                    dir_ / "collection",
                    "--epmd-port",
                    "0",
                    "--cookie-file",
                    dir_ / "cookie"};
    command.output = dir_ / "farm";
    farm_ = std::make_unique<Process>(std::move(command));
    ASSERT_TRUE(farm_->wait_for_output("ready", seconds(10))) << farm_->output();
  }

  void add(unsigned first, unsigned last) {
    const auto said = farm_->output();
    constexpr std::string_view before = "nodes on port ";
    const auto port = std::stoi(said.substr(said.find(before) + before.size()));
    for (auto i = first; i <= last; ++i) {
      auto reply = daemon_.rest("POST", "/api/actions/add-node",
                                {{"name", node_name(i)}, {"cookie", "siege"}, {"dist_port", port}});
      EXPECT_EQ(reply.status, 201) << reply.text;
    }
  }

  std::size_t up() {
    auto reply = daemon_.rest("GET", "/api/topo/nodes?state=UP&limit=1000");
    return reply.status == 200 ? reply.json.at("items").as_array().size() : 0;
  }

  /// Nodes are deployed on them, again and again.
  void use_hosts() {
    Deployer deployer(daemon_, epmd_);
    for (unsigned i = 0; i < hosts; ++i) {
      auto& host = *hosts_.emplace_back(std::make_unique<LyingHost>(i));
      json::object server{{"host", "127.0.0.1"}, {"port", host.port()}};
      deployer.define("host" + std::to_string(i),
                      {{"type", "physical"}, {"servers", json::array{server}}}, release_);
      deployer.deploy("host" + std::to_string(i), 1);
    }
  }
  void retry_hosts() {
    for (unsigned i = 0; i < hosts; ++i)
      for (auto& node : Deployer(daemon_, epmd_).nodes("host" + std::to_string(i)))
        if (node.at("state") == "ERROR")
          daemon_.rest("POST",
                       "/api/orch/nodes/" + std::string(node.at("id").as_string()) + "/retry");
  }

  /// Entries of this node. It counts them itself: whether one in between is missing is seen.
  unsigned entries(const std::string& node) {
    std::vector<int> said;
    std::string after;
    do {
      auto reply =
          daemon_.rest("GET", "/api/notifications?limit=1000&source=logger&node=" + node + after);
      EXPECT_EQ(reply.status, 200) << reply.text;
      if (reply.status != 200) return 0;
      for (auto& item : reply.json.at("items").as_array())
        said.push_back(std::stoi(std::string(item.at("text").as_string().subview(6))));
      auto* next = reply.json.as_object().if_contains("next");
      after = next && next->is_string() ? "&after=" + std::string(next->as_string()) : "";
    } while (!after.empty());
    std::sort(said.begin(), said.end());
    if (said.empty()) return 0;
    EXPECT_EQ(said.back() - said.front() + 1, static_cast<int>(said.size()))
        << "entries of " << node;
    return static_cast<unsigned>(said.size());
  }

  /// Samples of this node. It sends one each interval and says when: so their number follows from
  /// the times of the first and the last of them, and these are within two intervals of the
  /// siege's.
  unsigned samples(const std::string& node, const Span& siege) {
    auto reply = daemon_.rest(
        "GET", "/api/metrics/query?metrics=memory.total&since=" + siege.since + "&node=" + node);
    EXPECT_EQ(reply.status, 200) << reply.text;
    if (reply.status != 200 || reply.json.at("items").as_array().empty()) return 0;
    auto& points = reply.json.at("items").as_array()[0].at("points").as_array();
    if (points.empty()) return 0;
    const double first = time_of(points.front().as_object());
    const double last = time_of(points.back().as_object());
    EXPECT_EQ(points.size(), std::lround((last - first) / interval()) + 1) << "samples of " << node;
    EXPECT_LT(first, siege.began + 2 * interval()) << node;
    EXPECT_GT(last, siege.ended - 2 * interval()) << node;
    return static_cast<unsigned>(points.size());
  }

  TempDir dir_;
  Epmd epmd_;
  Daemon daemon_{epmd_, options()};
  TinyRelease release_;
  std::unique_ptr<Process> farm_;
  std::vector<std::unique_ptr<LyingHost>> hosts_;
};

TEST_F(Siege, NothingOfTheHonestIsLost) {
  const auto limit = from_environment("MUSTER_SIEGE_SECONDS", 20);
  auto made = daemon_.rest("POST", "/api/tokens", {{"name", "crowd"}, {"role", "viewer"}});
  ASSERT_EQ(made.status, 201) << made.text;
  add(honest + 1, honest + lying);
  use_hosts();
  Span siege;
  double slowest = 0;
  unsigned asked = 0;
  {
    std::atomic<bool> is_over = false;
    std::thread asking([&] {  // the honest user
      for (; !is_over; std::this_thread::sleep_for(milliseconds(200))) {
        const auto began = Clock::now();
        auto reply = daemon_.rest("GET", "/api/topo/nodes/" + node_name(1 + asked++ % honest));
        slowest = std::max(slowest, std::chrono::duration<double>(Clock::now() - began).count());
        EXPECT_EQ(reply.status, 200) << reply.text;
      }
    });
    Crowd crowd(daemon_.http_port(), std::string(made.json.at("token").as_string()));
    const auto until = Clock::now() + milliseconds(std::lround(1e3 * limit));
    while (Clock::now() < until && daemon_.process().is_running()) {
      retry_hosts();
      std::this_thread::sleep_until(std::min<Clock::time_point>(until, Clock::now() + seconds(10)));
    }
    is_over = true;
    asking.join();
  }
  siege.ended = now();
  ASSERT_TRUE(daemon_.process().is_running());
  const auto status = read_file("/proc/" + std::to_string(daemon_.pid()) + "/status");
  const auto most = std::stol(status.substr(status.find("VmHWM:") + 6)) / 1024;
  unsigned all_samples = 0, all_entries = 0;
  const auto rounds = static_cast<unsigned>(limit / interval());
  for (unsigned i = 1; i <= honest; ++i) {
    const auto said = entries(node_name(i));
    const auto measured = samples(node_name(i), siege);
    EXPECT_GE(said + 2, rounds) << node_name(i);
    EXPECT_GE(measured + 2, rounds) << node_name(i);
    all_samples += measured;
    all_entries += said;
    auto down = daemon_.rest("GET", "/api/notifications?kind=node_down&node=" + node_name(i));
    EXPECT_TRUE(down.status == 200 && down.json.at("items").as_array().empty()) << down.text;
  }
  std::cout << "siege of " << limit << " s: " << all_samples << " samples and " << all_entries
            << " entries of " << honest << " honest nodes; slowest of " << asked << " answers "
            << std::lround(1e3 * slowest) << " ms; most memory " << most << " MiB" << std::endl;
  EXPECT_TRUE(daemon_.stop());
}

}  // namespace
}  // namespace muster::test
