// Hostile peers against the daemon: strangers, and peers that know the cookie, send whatever they
// like to both of its ports, while real nodes stay UP and others are answered. In the end the
// daemon has the memory and the sockets that it had.
//
// Ten seconds of it, or MUSTER_HOSTILE_SECONDS; at most MUSTER_HOSTILE_CPU of a core (0.1 for a
// long run beside other work) for attackers and daemon together.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <random>

#include "daemon.h"
#include "dist/frame_writer.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"

namespace muster::test {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

double number_from_environment(const char* name, double otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::stod(text);
}

std::vector<std::string> corpus(const std::string& target) {
  std::vector<std::string> inputs;
  for (auto& entry : fs::directory_iterator(MUSTER_SOURCE_DIR "/tests/fuzz/corpus/" + target))
    inputs.push_back(read_file(entry.path()));
  std::sort(inputs.begin(), inputs.end());
  return inputs;
}

/// What a process has and has used, as /proc says.
struct Figures {
  long memory = 0;   // KiB resident
  long sockets = 0;  // files of the stores come as nodes send something to keep

  static Figures of(pid_t pid) {
    const auto proc = fs::path("/proc") / std::to_string(pid);
    const auto status = read_file(proc / "status");
    Figures figures;
    figures.memory = std::stol(status.substr(status.find("VmRSS:") + 6));
    for (auto& entry : fs::directory_iterator(proc / "fd")) {
      std::error_code gone;
      if (fs::read_symlink(entry, gone).string().starts_with("socket:")) ++figures.sockets;
    }
    return figures;
  }
  static double cpu_seconds(pid_t pid) {
    const auto stat = read_file(fs::path("/proc") / std::to_string(pid) / "stat");
    std::istringstream fields(stat.substr(stat.rfind(')') + 2));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    return (user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }
};

/// Everything that a hostile peer does, one attack at a time, by a seeded generator. Connections
/// stay open until `crowd` newer ones are there.
class Attacker {
 public:
  Attacker(const Daemon& daemon, std::uint16_t dist_port, unsigned seed)
      : dist_port_(dist_port),
        http_port_(daemon.http_port()),
        token_(daemon.token()),
        random_(seed) {}

  void attack() {
    const auto& [name, act] = attacks_[made_++ % attacks_.size()];
    try {
      act();
    } catch (const std::runtime_error&) {
      ++refused_;  // the port did not take the connection: the probe says whether that is for long
    }
    trim(crowd_, 300);
    trim(idle_, 2'500);
  }
  void leave() {
    crowd_.clear();
    idle_.clear();
  }
  std::size_t made() const { return made_; }
  std::size_t refused() const { return refused_; }

 private:
  using Crowd = std::deque<std::unique_ptr<Stranger>>;

  static void trim(Crowd& crowd, std::size_t most) {
    while (crowd.size() > most) crowd.pop_front();
  }
  std::size_t below(std::size_t limit) { return random_() % limit; }
  std::string bytes(std::size_t count) {
    std::string text(count, '\0');
    for (auto& c : text) c = static_cast<char>(random_());
    return text;
  }
  std::string mutated(std::string text) {
    for (auto rounds = 1 + below(4); rounds > 0 && !text.empty(); --rounds) {
      auto at = below(text.size());
      switch (below(5)) {
        case 0:
          text[at] = static_cast<char>(random_());
          break;
        case 1:
          text.insert(at, bytes(1 + below(8)));
          break;
        case 2:
          text.erase(at, 1 + below(8));
          break;
        case 3:
          text.resize(at);
          break;
        default:
          text.insert(at, text.substr(at, below(64)));
      }
    }
    return text;
  }
  const std::string& one_of(const std::vector<std::string>& inputs) {
    return inputs[below(inputs.size())];
  }

  Stranger& stranger(std::uint16_t port) {
    return *crowd_.emplace_back(std::make_unique<Stranger>(port));
  }
  Insider& insider() {
    Credentials who;
    who.name = "bad" + std::to_string(below(1'000)) + "@127.0.0.1";
    auto peer = std::make_unique<Insider>(dist_port_, who);
    auto& reference = *peer;
    crowd_.push_back(std::move(peer));
    return reference;
  }

  /// {'$gen_call', {Pid, Ref}, Request} to a registered process.
  std::string gen_call(const std::string& server, const std::string& request) {
    const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom("x");
    const dist::WireNames names{bad, us, 77};
    std::string frame;
    dist::FrameWriter writer(frame, names, dist::Op::reg_send, 4);
    writer.own({1, 0}).atom("").atom(server);
    frame += "\x83\x68\x03" + dist::encoded_atom("$gen_call") + "\x68\x02";
    dist::put_own_pid(frame, names, {1, 0});
    dist::put_own_ref(frame, names, random_());
    return frame.substr(4) + request;
  }
  static std::string echo(std::size_t size) {
    std::string request = "\x68\x02" + dist::encoded_atom("echo") + "\x6d";
    dist::put32(request, size);
    return request + std::string(size, 'x');
  }

  std::string http_head(const std::string& path) const {
    return "GET " + path + " HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token_ + "\r\n";
  }

  const std::uint16_t dist_port_, http_port_;
  const std::string token_;
  std::mt19937 random_;
  Crowd crowd_, idle_;
  std::size_t made_ = 0, refused_ = 0;
  const std::vector<std::string> handshakes_ = corpus("dist_handshake"),
                                 frames_ = corpus("dist_control"), terms_ = corpus("etf_term"),
                                 requests_ = corpus("doors_rest_request");
  const std::vector<std::string> servers_{"muster", "topology", "orchestration", "commands",
                                          "rex",    "nobody",   "net_kernel"};

  const std::vector<std::pair<const char*, std::function<void()>>> attacks_{
      {"random bytes", [this] { stranger(dist_port_).say(bytes(1 + below(20'000))); }},
      {"a mutated handshake",
       [this] {
         auto& peer = stranger(dist_port_);
         auto input = mutated(one_of(handshakes_));
         for (std::size_t at = 2; at < input.size();
              at += 1 + static_cast<unsigned char>(input[at])) {
           std::string frame;
           auto body = input.substr(at + 1, static_cast<unsigned char>(input[at]));
           dist::put16(frame, body.size());
           peer.say(frame + body);
         }
       }},
      {"half a handshake",
       [this] {
         const std::string name = "half" + std::to_string(below(1000)) + "@127.0.0.1";
         std::string frame = "N";
         dist::put32(frame, 0xd);
         dist::put32(frame, 0x07df7fbd);
         dist::put32(frame, 4711);
         dist::put16(frame, name.size());
         std::string sized;
         dist::put16(sized, frame.size() + name.size());
         stranger(dist_port_).say((sized + frame + name).substr(0, below(60)));
       }},
      {"a wrong cookie, in the name of a real node",
       [this] {
         crowd_.push_back(std::make_unique<Insider>(
             dist_port_, Credentials{"real@127.0.0.1", "guess", "muster@127.0.0.1"}));
       }},
      {"TLS and HTTP where nodes are expected",
       [this] {
         stranger(dist_port_)
             .say(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11) + bytes(500));
         stranger(dist_port_).say("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
       }},
      {"idle connections",
       [this] {
         for (int i = 0; i < 40; ++i) {
           idle_.push_back(std::make_unique<Stranger>(dist_port_));
           idle_.push_back(std::make_unique<Stranger>(http_port_));
         }
       }},
      {"an idle peer with the cookie", [this] { insider(); }},
      {"mutated frames",
       [this] {
         auto& peer = insider();
         for (int i = 0; i < 20; ++i)
           if (!peer.frame(mutated(one_of(frames_)))) return;
       }},
      {"random frames", [this] { insider().frame("\x70" + bytes(below(5'000))); }},
      {"a frame announced and not sent",
       [this] {
         std::string size;
         dist::put32(size, 1 + below(128u << 20));
         insider().say(size + "\x70\x83" + bytes(below(100'000)));
       }},
      {"a frame that is too large", [this] { insider().say("\xff\xff\xff\xff\x70\x83"); }},
      {"a large frame of rubbish", [this] { insider().frame("\x70\x83" + bytes(4u << 20)); }},
      {"mutated calls of services",
       [this] {
         auto& peer = insider();
         for (int i = 0; i < 20; ++i)
           if (!peer.frame(gen_call(one_of(servers_), mutated(one_of(terms_))))) return;
       }},
      {"a flood of frames",
       [this] {
         std::string flood;
         for (int i = 0; i < 2'000; ++i) {
           auto& body = one_of(frames_);
           dist::put32(flood, body.size());
           flood += body;
         }
         insider().say(flood);
       }},
      {"a flood of monitors and links that are never ended",
       [this] {
         auto& peer = insider();
         const auto bad = dist::encoded_atom("bad@127.0.0.1"), us = dist::encoded_atom("x");
         const dist::WireNames names{bad, us, 77};
         std::string flood;
         for (unsigned i = 1; i <= 2'000; ++i) {
           dist::FrameWriter writer(flood, names, dist::Op::monitor_p, 4);
           writer.own({i, 0}).atom("muster");
           dist::put_own_ref(flood, names, i);
           writer.end();
         }
         peer.say(flood);
       }},
      {"questions whose answers are not read",
       [this] {
         auto& peer = insider();
         for (int i = 0; i < 30; ++i)
           if (!peer.say(framed(gen_call("muster", echo(200'000))), milliseconds(20))) return;
       }},
      {"ticks without end", [this] { insider().say(std::string(40'000, '\0')); }},
      {"mutated requests",
       [this] {
         for (int i = 0; i < 10; ++i)
           stranger(http_port_).say(mutated(one_of(requests_).substr(1)));
       }},
      {"random bytes to REST", [this] { stranger(http_port_).say(bytes(1 + below(50'000))); }},
      {"half a request", [this] { stranger(http_port_).say("GET /api/topo/nodes HT"); }},
      {"a body that never comes",
       [this] {
         stranger(http_port_)
             .say("POST /api/commands HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + token_ +
                  "\r\nContent-Length: 1000000\r\n\r\n{\"module\":");
       }},
      {"requests whose answers are not read",
       [this] {
         std::string many;
         for (int i = 0; i < 50; ++i) many += http_head("/api/openapi.json") + "\r\n";
         stranger(http_port_).say(many, milliseconds(20));
       }},
      {"broken frames on a WebSocket",
       [this] {
         auto& peer = stranger(http_port_);
         peer.say(http_head("/api/events") +
                  "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
         peer.hear(100, milliseconds(50));
         peer.say(bytes(1 + below(3'000)));
       }},
  };

  static std::string framed(const std::string& body) {
    std::string frame;
    dist::put32(frame, body.size());
    return frame + body;
  }
};

class Hostile : public testing::Test {
 protected:
  void SetUp() override {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
  }
  bool is_up(const std::string& name) { return nodes_.get(name).as_object()["state"] == "UP"; }
  std::uint16_t dist_port() {
    auto text = real_.eval("{port, Port, _} = erl_epmd:port_please(\"muster\", {127,0,0,1}), Port");
    return static_cast<std::uint16_t>(std::stoi(text));
  }
  /// Time until `ask` is answered; it has to be, and soon.
  double timed(const std::function<bool()>& ask) {
    auto begun = Clock::now();
    EXPECT_TRUE(ask());
    auto taken = std::chrono::duration<double>(Clock::now() - begun).count();
    EXPECT_LT(taken, 5.0);
    return taken;
  }

  Epmd epmd_;
  Daemon daemon_{epmd_};
  ManagedNodes nodes_{daemon_};
  ErlNode real_{epmd_, named("real@127.0.0.1")}, other_{epmd_, named("other@127.0.0.1")};
};

TEST_F(Hostile, PeersCostNobodyElseAnythingAndLeaveNothingBehind) {
  const auto limit = number_from_environment("MUSTER_HOSTILE_SECONDS", 10);
  const auto share = number_from_environment("MUSTER_HOSTILE_CPU", 10);
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const auto call = "rpc:call('" + daemon_.name() + "', muster, echo, [1])";
  for (auto* name : {"real@127.0.0.1", "other@127.0.0.1"}) nodes_.bring_up(name);
  other_.eval("rpc:call('" + daemon_.name() +
              "', muster, subscribe, [#{topics => ['topology.node_state']}])");
  const auto port = dist_port();
  const auto began = Clock::now();
  const auto elapsed = [&] { return std::chrono::duration<double>(Clock::now() - began).count(); };

  Attacker attacker(daemon_, port, seed);
  const auto before = Figures::of(daemon_.pid());
  const auto used = [&] {
    return Figures::cpu_seconds(daemon_.pid()) + Figures::cpu_seconds(::getpid());
  };
  const auto used_before = used();
  auto report = [&](const char* when, double slowest) {
    const auto now = Figures::of(daemon_.pid());
    std::cout << when << " " << std::lround(elapsed()) << " s: " << now.memory << " KiB, "
              << now.sockets << " sockets, " << attacker.made() << " attacks, CPU "
              << std::lround(100 * (used() - used_before) / elapsed()) << " %, slowest answer "
              << std::lround(1000 * slowest) << " ms, log " << fs::file_size(daemon_.log_file())
              << " bytes" << std::endl;
  };
  report("before", 0);
  double slowest = 0, next_probe = 0, next_report = limit / 6;
  while (elapsed() < limit && !HasFatalFailure()) {
    attacker.attack();
    if (elapsed() >= next_probe) {
      next_probe = elapsed() + std::min(limit / 20, 5.0);
      slowest = std::max(slowest, timed([&] { return is_up("real@127.0.0.1"); }));
      slowest = std::max(slowest, timed([&] { return real_.eval(call) == "{ok,1}"; }));
      ASSERT_TRUE(daemon_.process().is_running());
    }
    if (elapsed() >= next_report) {
      report("after", slowest);
      next_report += limit / 6;
      slowest = 0;
    }
    while (used() - used_before > share * elapsed()) std::this_thread::sleep_for(milliseconds(20));
  }
  attacker.leave();
  EXPECT_TRUE(eventually([&] { return Figures::of(daemon_.pid()).sockets <= before.sockets; },
                         seconds(15)));
  const auto maps = read_file("/proc/" + std::to_string(daemon_.pid()) + "/maps");
  const long margin = maps.find("san.so") == std::string::npos ? 16 : 1024;  // MiB; its quarantine
  EXPECT_TRUE(
      eventually([&] { return Figures::of(daemon_.pid()).memory < before.memory + margin * 1024; },
                 seconds(15)));
  report("left", slowest);
  std::cout << attacker.refused() << " attacks found a port closed" << std::endl;
  EXPECT_TRUE(is_up("real@127.0.0.1") && is_up("other@127.0.0.1"));
  EXPECT_EQ(real_.eval(call), "{ok,1}");
  EXPECT_EQ(other_.eval("receive {muster_event, _, #{data := D}} -> D after 0 -> none end"), "none")
      << "a managed node lost its link";
  EXPECT_TRUE(daemon_.stop());
}

TEST_F(Hostile, IdleConnectionsDoNotKeepOthersOut) {
  std::vector<std::unique_ptr<Stranger>> idle;
  const auto port = dist_port();
  for (int i = 0; i < 1'500; ++i) {
    idle.push_back(std::make_unique<Stranger>(daemon_.http_port()));
    idle.push_back(std::make_unique<Stranger>(port));
  }
  EXPECT_EQ(daemon_.rest("GET", "/api/topo/nodes").status, 200);
  EXPECT_EQ(real_.eval("net_adm:ping('" + daemon_.name() + "')"), "pong");
}

}  // namespace
}  // namespace muster::test
