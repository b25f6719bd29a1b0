#include "dist/dialer.h"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>

namespace muster::dist {
namespace {

using namespace std::chrono_literals;

/// A dialer whose dials end before they have sent anything.
class DialerTest : public testing::Test, public PeerDirectory {
 protected:
  Role role(const std::string&, const Secret&) const override { return Role::none; }
  std::optional<PeerSettings> settings(const std::string&) const override { return peer; }

  using Answer = std::shared_ptr<std::optional<Result<std::shared_ptr<Link>>>>;
  Answer connect(std::string name) {
    auto answer = std::make_shared<std::optional<Result<std::shared_ptr<Link>>>>();
    auto ended = [answer](std::exception_ptr thrown, Result<std::shared_ptr<Link>> result) {
      *answer = thrown ? Result<std::shared_ptr<Link>>(Error(Errc::internal, "it threw"))
                       : std::move(result);
    };
    boost::asio::co_spawn(io, dialer.connect(std::move(name)), ended);
    return answer;
  }
  static NodeConfig config() {
    NodeConfig config;
    config.name = "muster";
    config.long_host = "127.0.0.1";
    config.times.handshake = 5ms;
    return config;
  }

  PeerSettings peer;
  boost::asio::io_context io;
  TaskGroup group{io.get_executor()};
  Dialer dialer{std::make_shared<NodeCore>(io, config(), *this), group};
};

TEST_F(DialerTest, ADialThatFailsAtOnceIsAnswered) {
  peer.tls = true;  // and no TLS files are configured
  for (int i = 0; i < 2; ++i) {
    auto answer = connect("a@127.0.0.1");
    io.restart();
    io.poll();
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().code, LinkError::tls);
  }
}

TEST_F(DialerTest, APeerThatRefusesForItsOwnConnectionAndDoesNotMakeItHasNotAnswered) {
  peer.port = 1;
  auto first = connect("a@127.0.0.1"), second = connect("a@127.0.0.1");
  while (!dialer.is_dialling("a@127.0.0.1")) io.run_one();
  dialer.yield("a@127.0.0.1");  // as after its "nok"
  io.run_for(5s);
  for (auto& answer : {first, second}) {
    ASSERT_TRUE(*answer);
    EXPECT_EQ((*answer)->error().code, LinkError::timeout) << (*answer)->error().text();
  }
}

}  // namespace
}  // namespace muster::dist
