#include "dist/epmd_codec.h"

#include <gtest/gtest.h>

#include "dist/link_error.h"

namespace muster::dist::epmd {
namespace {

std::string bytes(std::initializer_list<unsigned> values) {
  std::string out;
  for (auto value : values) out += static_cast<char>(value);
  return out;
}

TEST(EpmdCodec, RegistersAHiddenNode) {
  EXPECT_EQ(alive_request("p1", 0x930b),
            bytes({0, 15, 120, 0x93, 0x0b, 72, 0, 0, 6, 0, 5, 0, 2, 'p', '1', 0, 0}));
}

TEST(EpmdCodec, ReadsTheAnswerToARegistration) {
  EXPECT_FALSE(alive_answer("").has_value());
  EXPECT_FALSE(alive_answer(bytes({118, 0, 0x6b, 0, 0x1f})).has_value());
  EXPECT_TRUE(alive_answer(bytes({118, 0, 0x6b, 0, 0x1f, 0x51}))->has_value());
  EXPECT_TRUE(alive_answer(bytes({121, 0, 0, 3}))->has_value()) << "an epmd of OTP 22";
  EXPECT_EQ(alive_answer(bytes({118, 1, 0, 0, 0, 99}))->error().errc(), Errc::conflict);
  EXPECT_EQ(alive_answer("HTTP/1.1 400")->error().errc(), Errc::internal);
}

TEST(EpmdCodec, AsksForAPort) {
  EXPECT_EQ(port_request("b1"), bytes({0, 3, 122, 'b', '1'}));
}

TEST(EpmdCodec, ReadsWhereANodeListens) {
  auto answer = bytes({119, 0, 0x12, 0x34, 77, 0, 0, 6, 0, 5, 0, 2, 'b', '1', 0, 0});
  auto entry = port_answer(answer, false);
  ASSERT_TRUE(entry && *entry);
  EXPECT_EQ((*entry)->port, 0x1234);
  EXPECT_EQ((*entry)->highest_version, 6);
  EXPECT_EQ((*entry)->lowest_version, 5);
  for (std::size_t size = 0; size < 10; ++size) {
    EXPECT_FALSE(port_answer(answer.substr(0, size), false).has_value()) << size;
    EXPECT_FALSE(port_answer(answer.substr(0, size), true)->has_value()) << size;
  }
}

TEST(EpmdCodec, TellsAnUnknownNameFromNonsense) {
  EXPECT_EQ(port_answer(bytes({119, 1}), true)->error().code,
            make_error_code(LinkError::not_registered));
  EXPECT_EQ(port_answer("SSH-2.0", false)->error().errc(), Errc::internal);
}

}  // namespace
}  // namespace muster::dist::epmd
