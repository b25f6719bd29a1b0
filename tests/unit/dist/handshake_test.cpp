#include "dist/handshake.h"

#include <gtest/gtest.h>

#include "dist/byte_reader.h"
#include "dist/flags.h"

namespace muster::dist {
namespace {

using Next = HandshakeStep::Next;
using Status = ServerHandshake::Status;

const Secret cookie("cookie");

HandshakeSelf self(const std::string& name, std::uint32_t challenge = 4711) {
  return {name, 0x1234abcd, challenge};
}

ServerHandshake::Decision accept(const std::string& name, Status status = Status::ok) {
  ServerHandshake::Decision decision;
  decision.status = status;
  decision.self = self(name, 815);
  decision.cookie = cookie;
  return decision;
}

std::string hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

std::string name_frame(char kind, std::uint64_t flags, const std::string& name,
                       std::uint32_t creation = 77) {
  std::string out(1, kind);
  if (kind == 'n') {
    put16(out, 5);
    put32(out, flags);
    return out + name;
  }
  put64(out, flags);
  put32(out, creation);
  put16(out, name.size());
  return out + name;
}

/// Carries frames between the two halves until both are done, failed or in need of an answer.
struct Conversation {
  ClientHandshake client;
  ServerHandshake server;
  Status status = Status::ok;
  Secret server_cookie = cookie;
  HandshakeStep client_step, server_step;
  bool alive_is_gone = true;

  Conversation(std::string peer, int version = 6)
      : client(self("muster@vm"), std::move(peer), cookie, version) {}

  void run() {
    client_step = client.start();
    for (int i = 0; i < 20; ++i) {
      auto to_server = std::exchange(client_step.frames, {});
      for (auto& frame : to_server) {
        server_step = server.resume(frame);
        if (server_step.next == Next::identify) {
          auto decision = accept("a@vm", status);
          decision.cookie = server_cookie;
          server_step = server.decide(std::move(decision));
        }
      }
      auto to_client = std::exchange(server_step.frames, {});
      for (auto& frame : to_client) {
        auto step = client.resume(frame);
        if (step.next == Next::alive) step = client.alive(alive_is_gone);
        for (auto& sent : step.frames) client_step.frames.push_back(sent);
        client_step.next = step.next;
        client_step.error = step.error;
      }
      if (client_step.frames.empty()) return;
    }
  }
};

TEST(Handshake, AgreesWithItself) {
  for (int version : {6, 5}) {
    Conversation talk("a@vm", version);
    talk.run();
    EXPECT_EQ(talk.client_step.next, Next::done) << version;
    EXPECT_EQ(talk.server_step.next, Next::confirm) << version;
    EXPECT_EQ(talk.server.peer().name, "muster@vm");
    EXPECT_EQ(talk.server.peer().creation, 0x1234abcdu) << "by the complement in version 5";
    EXPECT_EQ(talk.client.peer().creation, 0x1234abcdu);
    EXPECT_EQ(talk.server.peer().flags, flag::ours);
    EXPECT_EQ(talk.client.peer().flags, flag::ours);
  }
}

TEST(Handshake, RejectsAWrongCookieOnBothSides) {
  Conversation talk("a@vm");
  talk.server_cookie = Secret("another");
  talk.run();
  EXPECT_EQ(talk.server_step.next, Next::failed);
  EXPECT_EQ(talk.server_step.error, LinkError::cookie);
  EXPECT_EQ(talk.client.closed(), LinkError::cookie) << "the peer closes after our digest";

  ClientHandshake client(self("muster@vm", 1), "a@vm", cookie);
  client.start();
  client.resume("sok");
  std::string challenge = name_frame('N', flag::ours, "a@vm");
  challenge.insert(9, 4, '\x01');
  EXPECT_EQ(client.resume(challenge).next, Next::read);
  EXPECT_EQ(client.resume("a" + handshake_digest(Secret("no"), 1)).error, LinkError::cookie);
}

TEST(Handshake, DigestsAsErlangDoes) {
  // erlang:md5("cookie" ++ "4294967295"): the challenge is unsigned.
  EXPECT_EQ(handshake_digest(cookie, 0xffffffff), hex("de56ff9d11b071905bce597a85d67f4f"));
}

TEST(Handshake, NoticesThatAnotherNodeAnswers) {
  Conversation talk("b@vm");
  talk.run();
  EXPECT_EQ(talk.client_step.next, Next::failed);
  EXPECT_EQ(talk.client_step.error, LinkError::wrong_name);
}

TEST(Handshake, GivesWayToThePeersOwnConnection) {
  Conversation talk("a@vm");
  talk.status = Status::nok;
  talk.run();
  EXPECT_EQ(talk.client_step.next, Next::retry);
  EXPECT_EQ(talk.server_step.next, Next::failed);
}

TEST(Handshake, GoesOnWhenThePeerGivesUpItsOwnConnection) {
  Conversation talk("a@vm");
  talk.status = Status::ok_simultaneous;
  talk.run();
  EXPECT_EQ(talk.client_step.next, Next::done);
}

TEST(Handshake, ReplacesAConnectionThatThePeerStillHas) {
  Conversation talk("a@vm");
  talk.status = Status::alive;
  talk.run();
  EXPECT_EQ(talk.client_step.next, Next::done);
  Conversation keep("a@vm");
  keep.status = Status::alive;
  keep.alive_is_gone = false;
  keep.run();
  EXPECT_EQ(keep.client_step.next, Next::retry);
  EXPECT_EQ(keep.server_step.next, Next::failed);
}

TEST(Handshake, HearsThatItIsNotAllowed) {
  Conversation talk("a@vm");
  talk.status = Status::not_allowed;
  talk.run();
  EXPECT_EQ(talk.client_step.next, Next::failed);
  EXPECT_EQ(talk.client_step.error, LinkError::not_allowed);
}

/// The bytes are written by hand after the protocol's document and OTP 22's flags: the oldest node
/// that integration tests meet is OTP 23's.
TEST(Handshake, SpeaksVersionFiveWithOldNodes) {
  // OTP 22.3 dials: 'n', version 5, its 32 flags (no handshake_23), its name.
  ServerHandshake server;
  auto step =
      server.resume(hex("6e0005"
                        "00df7fbd"
                        "6f6c6440766d"));  // old@vm
  ASSERT_EQ(step.next, Next::identify);
  EXPECT_EQ(server.peer().name, "old@vm");
  step = server.decide(accept("muster@vm"));
  ASSERT_EQ(step.frames.size(), 2u);
  EXPECT_EQ(step.frames[0], "sok");
  EXPECT_EQ(step.frames[1], hex("6e0005"
                                "074f5fbc"
                                "0000032f") +
                                "muster@vm");
  std::string reply = "r";
  put32(reply, 99);
  reply += handshake_digest(cookie, 815);
  step = server.resume(reply);
  EXPECT_EQ(step.next, Next::confirm);
  EXPECT_EQ(step.frames.at(0), "a" + handshake_digest(cookie, 99));
  EXPECT_EQ(server.peer().creation, 0u);

  // And we dial one: its challenge is an 'n', too.
  ClientHandshake client(self("muster@vm", 5), "old@vm", cookie, 5);
  EXPECT_EQ(client.start().frames.at(0), hex("6e0005"
                                             "074f5fbc") +
                                             "muster@vm");
  EXPECT_EQ(client.resume("sok").next, Next::read);
  step = client.resume(hex("6e0005"
                           "00df7fbd"
                           "a3083353") +
                       "old@vm");
  ASSERT_EQ(step.frames.size(), 1u) << "no complement for it";
  EXPECT_EQ(step.frames[0], hex("7200000005") + handshake_digest(cookie, 0xa3083353));
  EXPECT_EQ(client.resume("a" + handshake_digest(cookie, 5)).next, Next::done);
  EXPECT_EQ(client.peer().flags, 0xdf7fbdu);
}

TEST(Handshake, SendsTheComplementToANodeThatIsNewAfterAll) {
  ClientHandshake client(self("muster@vm", 5), "new@vm", cookie, 5);
  client.start();
  client.resume("sok");
  std::string challenge = "N";
  put64(challenge, 0xd07df7fbd);
  put32(challenge, 1);
  put32(challenge, 42);
  put16(challenge, 6);
  challenge += "new@vm";
  auto step = client.resume(challenge);
  ASSERT_EQ(step.frames.size(), 2u);
  EXPECT_EQ(step.frames[0], hex("63"
                                "0000000d"
                                "1234abcd"));
  EXPECT_EQ(client.peer().creation, 42u);
}

TEST(Handshake, NamesANodeThatAsksForAName) {
  ServerHandshake server;
  auto step = server.resume(name_frame('N', 0xf07df7fbc, "vm", 0));
  ASSERT_EQ(step.next, Next::identify);
  EXPECT_TRUE(server.peer().is_dynamic);
  auto decision = accept("muster@vm");
  decision.given_name = "x1@vm";
  decision.given_creation = 9;
  step = server.decide(decision);
  EXPECT_EQ(step.frames.at(0), "snamed:" + hex("0005") + "x1@vm" + hex("00000009"));
  ByteReader challenge(step.frames.at(1));
  challenge.u8();
  EXPECT_TRUE(challenge.u64() & flag::name_me) << "else the peer drops the connection";
  EXPECT_EQ(server.peer().name, "x1@vm");
}

TEST(Handshake, TakesTheDigestOfOtp25ForTheSingleFlags) {
  ServerHandshake server;
  EXPECT_EQ(server.resume(name_frame('N', flag::mandatory_25_digest, "a@vm")).next, Next::identify);
  EXPECT_TRUE(server.peer().flags & flag::map_tag);
  ServerHandshake poor;
  EXPECT_EQ(poor.resume(name_frame('N', 0, "a@vm")).error, LinkError::not_allowed);
}

TEST(Handshake, IgnoresWhatFollowsInAFrame) {
  ServerHandshake server;
  EXPECT_EQ(server.resume(name_frame('N', flag::ours, "a@vm") + "later versions").next,
            Next::identify);
}

TEST(Handshake, RefusesNamesThatAreNone) {
  for (auto name : {"", "a", "@vm", "a@", "a@b@c", "a\x01@vm", "a b@vm"}) {
    ServerHandshake server;
    EXPECT_EQ(server.resume(name_frame('N', flag::ours, name)).next, Next::failed) << name;
  }
  ServerHandshake server;
  EXPECT_EQ(server.resume(name_frame('N', flag::ours, std::string(300, 'a') + "@vm")).next,
            Next::failed);
}

TEST(Handshake, FailsOnTruncatedFramesAtEveryByte) {
  auto whole = name_frame('N', flag::ours, "a@vm");
  for (std::size_t size = 0; size < whole.size(); ++size) {
    ServerHandshake server;
    EXPECT_EQ(server.resume(whole.substr(0, size)).next, Next::failed) << size;
    EXPECT_EQ(server.resume(whole).next, Next::failed) << "it stays failed";
  }
}

/// Who does not know the cookie shows the dialler a challenge that the acceptor gave, and would
/// hand the answer back there.
TEST(Handshake, DoesNotAnswerAChallengeOfOurOwn) {
  for (int version : {6, 5}) {
    auto is_ours = [](std::uint32_t challenge) { return challenge == 815; };
    for (std::uint32_t shown : {815u, 816u}) {
      ClientHandshake client(self("muster@vm"), "a@vm", cookie, version, is_ours);
      client.start();
      client.resume("sok");
      std::string challenge = "N";
      put64(challenge, flag::ours);
      put32(challenge, shown);
      put32(challenge, 42);
      put16(challenge, 4);
      challenge += "a@vm";
      if (version == 5) {
        challenge = hex("6e000500df7fbd");
        put32(challenge, shown);
        challenge += "a@vm";
      }
      auto step = client.resume(challenge);
      EXPECT_EQ(step.next, shown == 815 ? Next::failed : Next::read);
      EXPECT_EQ(step.frames.empty(), shown == 815) << "neither a digest nor a challenge goes out";
      if (shown == 815) {
        EXPECT_EQ(step.error, LinkError::cookie);
      }
    }
  }
}

TEST(NodeNames, ComeApart) {
  EXPECT_EQ(alive_of("a@vm.x"), "a");
  EXPECT_EQ(host_of("a@vm.x"), "vm.x");
  EXPECT_TRUE(is_node_name("n6@::1"));
  EXPECT_FALSE(is_node_name("gr\xc3\xbc\xc3\x9f@vm"));
}

}  // namespace
}  // namespace muster::dist
