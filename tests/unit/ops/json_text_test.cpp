#include "ops/json_text.h"

#include <gtest/gtest.h>

#include "sample.h"

namespace muster::sample {
namespace {

Everything everything() {
  Everything v;
  v.text = "\"quoted\" \\ \n\t\x01 ä";
  v.real = 1.5;
  v.at = Timestamp(std::chrono::milliseconds(1795248930123));
  v.list = {{"a", 1}, {"b", {}}};
  v.map = {{"k\n", 7}};
  v.free = json::array{1, json::object{{"a", json::array{}}, {"b", json::object{}}}, nullptr};
  v.term = etf::tuple(etf::atom("ok"), 1);
  return v;
}

/// The text in pieces of about `most` bytes, and how many there were.
std::pair<std::string, std::size_t> in_pieces(const Everything& value, std::size_t most) {
  ops::JsonPieces pieces(std::make_shared<Everything>(value), ops::type_of<Everything>());
  std::string text;
  std::size_t count = 0;
  for (bool has_more = true; has_more; ++count) {
    std::string piece;
    has_more = pieces.next(piece, most);
    text += piece;
  }
  return {text, count};
}

TEST(JsonPieces, AreTheJsonOfTheValueWhateverTheirSize) {
  auto value = everything();
  auto whole = ops::to_json(value);
  for (std::size_t most : {1, 10, 100, 100'000}) {
    auto [text, count] = in_pieces(value, most);
    EXPECT_EQ(json::parse(text), whole) << text;
    EXPECT_EQ(count == 1, most == 100'000);
  }
  EXPECT_EQ(in_pieces(value, 1).first, json::serialize(whole)) << "byte for byte";
}

TEST(JsonPieces, OfALongListAreShort) {
  Everything value;
  value.list.assign(10'000, {std::string(100, 'x'), 1});
  ops::JsonPieces pieces(std::make_shared<Everything>(value), ops::type_of<Everything>());
  std::string piece;
  std::size_t longest = 0;
  bool has_more = true;
  while (has_more) {
    piece.clear();
    has_more = pieces.next(piece, 1000);
    longest = std::max(longest, piece.size());
  }
  EXPECT_LT(longest, 1200u);
}

TEST(JsonPieces, OfWhatIsNoStruct) {
  auto text = [](auto value) {
    using T = decltype(value);
    std::string out;
    ops::JsonPieces pieces(std::make_shared<T>(value), ops::type_of<T>());
    while (pieces.next(out, 1'000'000)) {
    }
    return out;
  };
  EXPECT_EQ(text(std::string("x")), R"("x")");
  EXPECT_EQ(text(std::vector<std::string>{"a", "b"}), R"(["a","b"])");
  EXPECT_EQ(text(std::optional<std::int64_t>()), "null");
  EXPECT_EQ(text(ops::Empty{}), "{}");
  EXPECT_EQ(text(json::value(json::array{1, 2})), "[1,2]");
}

// A node described itself in bytes that are no UTF-8, and lists of nodes were no JSON any more.
TEST(JsonText, IsValidWhateverBytesAreInIt) {
  auto text = [](std::string_view bytes) { return ops::json_text(json::value(bytes)); };
  EXPECT_EQ(text("\xff\xfe"), "\"\xef\xbf\xbd\xef\xbf\xbd\"");
  EXPECT_EQ(text("a\xc3"), "\"a\xef\xbf\xbd\"");
  EXPECT_EQ(text("\xed\xa0\x80z"), "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
  EXPECT_EQ(text("\xc3\xa4\xff\xe2\x82\xac"), "\"\xc3\xa4\xef\xbf\xbd\xe2\x82\xac\"");
  EXPECT_EQ(ops::json_text(json::object{{"\xff", 1}}), "{\"\xef\xbf\xbd\":1}");

  Everything value;
  value.text = value.maybe.emplace("\xff");
  value.map["\xff"] = 1;
  value.free = json::array{json::object{{"\xff", "\xff"}}};
  value.list = {{"\xff", {}}};
  auto all = in_pieces(value, 10).first;
  EXPECT_TRUE(ops::is_utf8(all));
  EXPECT_NO_THROW(json::parse(all));
}

// Each was formatted by itself: 170,000 of them stopped the loop for 15 ms.
TEST(JsonText, ControlCharactersHaveTheirEscapes) {
  std::string all;
  for (char c = 0; c < 0x20; ++c) all += c;
  auto text = ops::json_text(json::value(all + "\"\\\x7f"));
  EXPECT_EQ(
      text,
      R"("\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\u0008\t\n\u000b\u000c\r\u000e\u000f)"
      R"(\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d)"
      R"(\u001e\u001f\"\\)"
      "\x7f\"");
  std::string many(170'000, '\x01');
  EXPECT_EQ(json::parse(ops::json_text(json::value(many))), json::value(many));
}

}  // namespace
}  // namespace muster::sample
