#include "dist/control.h"

#include <gtest/gtest.h>

#include "dist/frame_writer.h"

namespace muster::dist {
namespace {

const std::string self_atom = encoded_atom("muster@vm"), peer_atom = encoded_atom("a@vm");
// Written as the peer would write: its own names first.
const WireNames peers{peer_atom, self_atom, 7};

std::string frame(FrameWriter& writer, std::string& out) {
  writer.end();
  return out.substr(4);
}

/// One frame, made by `write` and taken apart.
template <class Write>
Result<Control> round(Op op, unsigned arity, std::string& bytes, Write write) {
  std::string out;
  FrameWriter writer(out, peers, op, arity);
  write(writer);
  bytes = frame(writer, out);
  return decode_control(bytes);
}

const std::string token = "\x68\x05\x61\x01\x61\x02\x61\x03\x61\x04\x61\x05";

TEST(Control, ReadsMessagesToNamesAndPids) {
  std::string bytes;
  auto control = round(Op::reg_send, 4, bytes, [](auto& f) {
    f.own({1, 2}).atom("").atom("srv").payload().atom("hello");
  });
  ASSERT_TRUE(control) << control.error().text();
  EXPECT_EQ(control->op, Op::reg_send);
  EXPECT_EQ(control->name, "srv");
  EXPECT_EQ(control->from.node, "a@vm");
  EXPECT_EQ(control->from.id, 1u);
  EXPECT_EQ(control->from.serial, 2u);
  EXPECT_EQ(control->from.creation, 7u);
  EXPECT_EQ(control->payload, encoded_atom("hello"));

  control = round(Op::send_sender_tt, 4, bytes, [](auto& f) {
    f.own({1, 2}).peer({3, 4, 5}).raw(token).payload().nil();
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->op, Op::send_sender) << "the plain form, the token beside it";
  EXPECT_EQ(control->token, token);
  EXPECT_EQ(control->to.node, "muster@vm");
  EXPECT_EQ(control->to.creation, 5u);

  control = round(Op::send, 3, bytes, [](auto& f) { f.atom("").peer({3, 4, 5}).payload().nil(); });
  ASSERT_TRUE(control);
  EXPECT_TRUE(control->from.node.empty());
}

TEST(Control, ReadsMonitorsOfNamesAndPids) {
  std::string bytes;
  auto control = round(Op::monitor_p, 4, bytes, [](auto& f) {
    f.own({1, 2}).atom("srv").own_ref(99);
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->name, "srv");
  EXPECT_EQ(own_ref(control->ref.number), 99u);
  EXPECT_EQ(control->target_raw, encoded_atom("srv"));
  control = round(Op::demonitor_p, 4, bytes, [](auto& f) {
    f.own({1, 2}).peer({3, 4, 5}).own_ref(1);
  });
  ASSERT_TRUE(control);
  EXPECT_TRUE(control->name.empty());
  EXPECT_EQ(control->to.id, 3u);
}

TEST(Control, ReadsExitsWithTheReasonInEitherPlace) {
  std::string bytes;
  auto control = round(Op::exit, 4, bytes, [](auto& f) {
    f.own({1, 2}).peer({3, 4, 5}).atom("bye");
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->reason, encoded_atom("bye"));
  control = round(Op::payload_exit_tt, 4, bytes, [](auto& f) {
    f.own({1, 2}).peer({3, 4, 5}).raw(token).payload().atom("bye");
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->op, Op::payload_exit);
  EXPECT_EQ(control->reason, encoded_atom("bye"));
  control = round(Op::monitor_p_exit, 5, bytes, [](auto& f) {
    f.atom("srv").peer({3, 4, 5}).own_ref(4).atom("noproc");
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->reason, encoded_atom("noproc"));
  EXPECT_EQ(control->name, "srv");
}

TEST(Control, ReadsSpawnRequestsAndTheirOptions) {
  auto spawn = [](auto options) {
    std::string bytes;
    auto control = round(Op::spawn_request, 6, bytes, [&](auto& f) {
      f.own_ref(5).own({1, 2}).own({8, 0}).tuple(3).atom("erpc").atom("execute_call").small(4);
      options(f);
      f.payload().nil();
    });
    EXPECT_TRUE(control) << control.error().text();
    Control copy = *control;
    EXPECT_EQ(copy.module, "erpc");
    EXPECT_EQ(copy.function, "execute_call");
    EXPECT_EQ(copy.arity, 4u);
    copy.module = copy.function = {};
    return copy;
  };
  auto plain = spawn([](auto& f) { f.nil(); });
  EXPECT_FALSE(plain.wants_monitor || plain.wants_link || plain.has_unknown_option);
  auto both = spawn([](auto& f) { f.list(2).atom("monitor").atom("link").nil(); });
  EXPECT_TRUE(both.wants_monitor && both.wants_link && !both.has_unknown_option);
  auto odd = spawn([](auto& f) { f.list(1).tuple(2).atom("priority").atom("high").nil(); });
  EXPECT_TRUE(odd.has_unknown_option);
}

TEST(Control, ReadsAnUnlinkWithABigNumber) {
  std::string bytes;
  auto control = round(Op::unlink_id, 4, bytes, [](auto& f) {
    f.big(0x8000'0000'0000'0001).own({1, 2}).peer({3, 4, 5});
  });
  ASSERT_TRUE(control);
  EXPECT_EQ(control->unlink_id, 0x8000'0000'0000'0001u);
}

TEST(Control, RefusesEveryTruncation) {
  std::string bytes;
  auto whole = round(Op::reg_send_tt, 5, bytes, [](auto& f) {
    f.own({1, 2}).atom("").atom("srv").raw(token).payload().atom("hello");
  });
  ASSERT_TRUE(whole);
  auto message_starts = bytes.size() - whole->payload.size();
  for (std::size_t size = 0; size < message_starts; ++size)
    EXPECT_FALSE(decode_control(std::string_view(bytes).substr(0, size))) << size;
}

TEST(Control, RefusesWhatIsNoControlMessage) {
  EXPECT_FALSE(decode_control("\x83\x44"));                       // a fragment header
  EXPECT_FALSE(decode_control("p\x83\x68\x01\x61\x63"));          // {99}
  EXPECT_FALSE(decode_control("p\x83\x68\x02\x61\x01\x61\x01"));  // LINK with too few elements
  std::string bytes;
  auto with_body = round(Op::link, 3, bytes, [](auto& f) {
    f.own({1, 2}).peer({3, 4, 5}).payload().nil();
  });
  EXPECT_FALSE(with_body) << "a link has no body";
  auto without = round(Op::send_sender, 3, bytes, [](auto& f) { f.own({1, 2}).peer({3, 4, 5}); });
  EXPECT_FALSE(without) << "a send has one";
}

TEST(FrameWriter, CountsReferencesInThreeWords) {
  for (std::uint64_t number : {std::uint64_t{1}, std::uint64_t{0x3ffff}, std::uint64_t{0x40000},
                               std::uint64_t{1} << 50, ~std::uint64_t{0}}) {
    std::string out;
    put_own_ref(out, peers, number);
    std::string_view rest = out;
    WireRef ref;
    ASSERT_TRUE(read_ref(rest, ref));
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(own_ref(ref.number), number);
    EXPECT_LT(ref.number.words[0], 1u << 18);
  }
}

}  // namespace
}  // namespace muster::dist
