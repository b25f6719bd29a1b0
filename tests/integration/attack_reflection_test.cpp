// Who knows no cookie answers under the name of a managed node that is down, which any user may
// register with epmd, and shows the daemon a challenge of its own. By TLS, too, where he has a
// certificate as a node has one.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon.h"
#include "dist/byte_reader.h"
#include "dist/epmd_codec.h"
#include "dist/flags.h"
#include "epmd.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"
#include "stranger.h"
#include "tls.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

/// Speaks TLS with a certificate of the authority, and believes every other.
class Tls {
 public:
  explicit Tls(const Authority& authority) : context_(::SSL_CTX_new(::TLS_method())) {
    const auto identity = authority.issue("127.0.0.1");
    if (::SSL_CTX_use_certificate_chain_file(context_, identity.certificate.c_str()) != 1 ||
        ::SSL_CTX_use_PrivateKey_file(context_, identity.key.c_str(), SSL_FILETYPE_PEM) != 1)
      throw std::runtime_error("the certificate cannot be used");
  }
  Tls(const Tls&) = delete;
  ~Tls() { ::SSL_CTX_free(context_); }
  /// The session of one who has dialled, or was dialled.
  SSL* start(int socket, bool has_dialled) const {
    auto* session = ::SSL_new(context_);
    ::SSL_set_fd(session, socket);
    if ((has_dialled ? ::SSL_connect(session) : ::SSL_accept(session)) != 1)
      throw std::runtime_error("no TLS session");
    return session;
  }

 private:
  SSL_CTX* context_;
};

/// A connection in the handshake; by TLS, where that is given.
class Speaker {
 public:
  Speaker(int socket, const Tls* tls, bool has_dialled) : socket_(socket) {
    timeval limit{8, 0};  // a handshake has seven seconds
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (tls) session_ = tls->start(socket_, has_dialled);
  }
  static Speaker dial(std::uint16_t port, const Tls* tls) {
    int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(socket, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0)
      throw std::runtime_error("nobody listens there");
    return Speaker(socket, tls, true);
  }
  Speaker(Speaker&& other) noexcept
      : socket_(std::exchange(other.socket_, -1)),
        session_(std::exchange(other.session_, nullptr)) {}
  ~Speaker() { hang_up(); }
  void hang_up() {
    if (session_) ::SSL_free(std::exchange(session_, nullptr));
    if (socket_ >= 0) ::close(std::exchange(socket_, -1));
  }

  void say(const std::string& frame) {
    std::string bytes;
    if (session_)
      dist::put32(bytes, static_cast<std::uint32_t>(frame.size()));
    else
      dist::put16(bytes, frame.size());
    bytes += frame;
    if (session_)
      ::SSL_write(session_, bytes.data(), static_cast<int>(bytes.size()));
    else
      (void)!::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// The next frame; empty when the other side hangs up or says nothing for too long.
  std::string hear() {
    const std::size_t wide = session_ ? 4 : 2;
    auto size = exactly(wide);
    return size.size() < wide ? "" : exactly(dist::ByteReader(size).number(wide));
  }

 private:
  std::string exactly(std::size_t count) {
    std::string bytes(count, '\0');
    std::size_t had = 0;
    while (had < count) {
      auto wanted = count - had;
      auto got = session_ ? ::SSL_read(session_, bytes.data() + had, static_cast<int>(wanted))
                          : ::recv(socket_, bytes.data() + had, wanted, 0);
      if (got <= 0) break;
      had += static_cast<std::size_t>(got);
    }
    bytes.resize(had);
    return bytes;
  }
  int socket_;
  SSL* session_ = nullptr;
};

/// Has a name at epmd, and whoever asks for it comes here.
class Squatter {
 public:
  Squatter(const Epmd& epmd, const std::string& alive, int version, const Tls* tls)
      : tls_(tls),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        registration_(epmd.port()) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at);
    ::listen(listener_, 10);
    socklen_t size = sizeof at;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&at), &size);
    auto request = dist::epmd::alive_request(alive, ntohs(at.sin_port));
    request[8] = static_cast<char>(version);  // the highest that it speaks
    registration_.say(request);
    EXPECT_TRUE(eventually([&] { return epmd.knows(alive); }));
  }
  ~Squatter() { ::close(listener_); }

  /// The daemon, when it dials; it does so every 30 seconds at least.
  Speaker is_dialled() {
    pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 40'000) != 1) throw std::runtime_error("the daemon does not dial");
    return Speaker(::accept(listener_, nullptr, nullptr), tls_, false);
  }

 private:
  const Tls* tls_;
  int listener_;
  Stranger registration_;
};

std::string hello(const std::string& name) {
  std::string frame = "N";
  dist::put64(frame, dist::flag::ours);
  dist::put32(frame, 77);
  dist::put16(frame, name.size());
  return frame + name;
}

std::string challenge(std::uint32_t number, const std::string& name, int version) {
  std::string frame(1, version == 5 ? 'n' : 'N');
  if (version == 5) {
    dist::put16(frame, 5);
    dist::put32(frame, dist::flag::ours & 0xffffffff);
    dist::put32(frame, number);
    return frame + name;
  }
  dist::put64(frame, dist::flag::ours);
  dist::put32(frame, number);
  dist::put32(frame, 77);
  dist::put16(frame, name.size());
  return frame + name;
}

std::uint32_t number_in(const std::string& challenge_frame) {
  dist::ByteReader in(challenge_frame);
  in.u8();
  in.u64();
  return in.u32();
}

struct Way {
  int version;  ///< of the handshake
  bool is_tls;
};

class AttackReflection : public testing::TestWithParam<Way> {
 protected:
  AttackReflection() : daemon_(epmd_, options()) {
    if (GetParam().is_tls) tls_ = std::make_unique<Tls>(authority());
  }
  static const Authority& authority() {
    static const Authority made;
    return made;
  }
  static DaemonOptions options() {
    DaemonOptions options;
    if (!GetParam().is_tls) return options;
    auto identity = authority().issue("127.0.0.1");
    options.config = "[distribution]\ncertificate = \"" + identity.certificate.string() +
                     "\"\nkey = \"" + identity.key.string() + "\"\nca = \"" +
                     authority().certificate().string() + "\"\n";
    return options;
  }
  Squatter squatter(const std::string& alive) const {
    return {epmd_, alive, GetParam().version, tls_.get()};
  }
  void add(const std::string& name, boost::json::object more = {}) {
    if (GetParam().is_tls) more["tls"] = true;
    nodes_.add(name, std::move(more));
  }
  std::uint16_t dist_port() {
    Stranger epmd(epmd_.port());
    epmd.say(dist::epmd::port_request("muster"));
    std::string bytes;
    for (std::string more; !(more = epmd.hear(1)).empty();) {
      bytes += more;
      if (auto entry = dist::epmd::port_answer(bytes, false)) return (*entry)->port;
    }
    return 0;
  }
  /// Somebody who says that he is `name`, and the daemon's challenge to him.
  std::pair<Speaker, std::uint32_t> stranger(const std::string& name) {
    auto speaker = Speaker::dial(dist_port(), tls_.get());
    speaker.say(hello(name));
    auto status = speaker.hear();
    EXPECT_TRUE(status.starts_with("sok")) << status;
    auto number = number_in(speaker.hear());
    return {std::move(speaker), number};
  }
  void is_refused(Speaker& dialled, const std::string& name, std::uint32_t shown) {
    dialled.hear();  // its name
    dialled.say("sok");
    dialled.say(challenge(shown, name, GetParam().version));
    EXPECT_EQ(dialled.hear(), "") << "no digest, no challenge: it hangs up";
    EXPECT_TRUE(eventually([&] {
      auto node = nodes_.get(name).as_object();
      return node.contains("detail") &&
             std::string(node["detail"].as_string()).find("a challenge of our own") !=
                 std::string::npos;
    })) << boost::json::serialize(nodes_.get(name));
  }
  void comes_up_for_real(const std::string& name, const std::string& cookie) {
    auto options = named(name);
    options.cookie = cookie;
    if (GetParam().is_tls) options.tls = &authority();
    EXPECT_TRUE(eventually([&] { return !epmd_.knows("victim"); }));
    ErlNode real(epmd_, options);
    nodes_.wait_for(name, "UP");
  }

  Epmd epmd_;
  Daemon daemon_;
  ManagedNodes nodes_{daemon_};
  std::unique_ptr<Tls> tls_;
  const std::string victim_ = "victim@127.0.0.1";
};

INSTANTIATE_TEST_SUITE_P(Handshake, AttackReflection,
                         testing::Values(Way{6, false}, Way{5, false}, Way{6, true}, Way{5, true}),
                         [](auto& each) {
                           return std::string(each.param.is_tls ? "Tls" : "Plain") +
                                  std::to_string(each.param.version);
                         });

TEST_P(AttackReflection, AStrangerShowsTheChallengeThatHeWasGiven) {
  {
    auto squatter = this->squatter("victim");
    add(victim_);
    auto dialled = squatter.is_dialled();
    auto [entrance, shown] = stranger("stranger@127.0.0.1");
    is_refused(dialled, victim_, shown);
  }
  comes_up_for_real(victim_, "cookie");
}

TEST_P(AttackReflection, SomebodyUnderTheNodesOwnNameShowsTheChallengeThatHeWasGiven) {
  {
    auto squatter = this->squatter("victim");
    add(victim_, {{"cookie", "the-victims"}});
    auto dialled = squatter.is_dialled();
    auto [entrance, shown] = stranger(victim_);
    is_refused(dialled, victim_, shown);
  }
  comes_up_for_real(victim_, "the-victims");
}

/// The challenge of one dial shown in another, whose answer would end the first.
TEST_P(AttackReflection, OneDialsChallengeIsShownInAnother) {
  auto first = squatter("first"), second = squatter("victim");
  add("first@127.0.0.1");
  auto dialled = first.is_dialled();
  dialled.hear();
  dialled.say("sok");
  dialled.say(challenge(4711, "first@127.0.0.1", GetParam().version));
  auto reply = dialled.hear();
  ASSERT_TRUE(reply.starts_with("r"));
  dist::ByteReader in(reply);
  in.u8();
  auto shown = in.u32();
  add(victim_);
  auto other = second.is_dialled();
  is_refused(other, victim_, shown);
}

/// A challenge is still ours when who was given it has hung up.
TEST_P(AttackReflection, AChallengeIsNotForgottenWhenItsConnectionEnds) {
  auto squatter = this->squatter("victim");
  add(victim_);
  auto dialled = squatter.is_dialled();
  auto [entrance, shown] = stranger("stranger@127.0.0.1");
  entrance.hang_up();
  EXPECT_TRUE(
      eventually([&] { return daemon_.log().find("was not let in") != std::string::npos; }));
  is_refused(dialled, victim_, shown);
}

}  // namespace
}  // namespace muster::test
