#include "base/clean_text.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

const std::string mark = "\xef\xbf\xbd";

TEST(CleanText, LeavesWhatMayBeShown) {
  for (auto* text : {"", "riak 3.0.16", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x90\x9c", "\xc2\xa0",
                     "\xd9\x85\xe2\x80\x8c\xda\xa9",  // Persian, with its joiner
                     "<b>html & \"quotes\"</b>"}) {
    EXPECT_EQ(clean_text(text, 100), text);
    EXPECT_TRUE(is_printable(std::string_view(text))) << text;
  }
}

TEST(CleanText, BytesThatAreNoUtf8AreMarked) {
  EXPECT_EQ(clean_text("caf\xe9", 100), "caf" + mark);
  EXPECT_EQ(clean_text("\xff\xfe", 100), mark + mark);
  EXPECT_EQ(clean_text("a\xc3", 100), "a" + mark);
  EXPECT_EQ(clean_text("\xe2\x82z", 100), mark + mark + "z");
  EXPECT_EQ(clean_text("\xc0\x80", 100), mark + mark);                        // overlong
  EXPECT_EQ(clean_text("\xed\xa0\x80", 100), mark + mark + mark);             // a surrogate
  EXPECT_EQ(clean_text("\xf4\x90\x80\x80", 100), mark + mark + mark + mark);  // beyond Unicode
}

TEST(CleanText, NothingThatSteersATerminalPasses) {
  EXPECT_EQ(clean_text(std::string("a\0b\x1b[31mc\x7f", 10), 100),
            "a" + mark + "b" + mark + "[31mc" + mark);
  for (auto* bad : {"\xc2\x80", "\xc2\x9b", "\xc2\x9f",                  // C1
                    "\xe2\x80\xa8", "\xe2\x80\xa9",                      // separators of lines
                    "\xe2\x80\xae", "\xe2\x80\xaa", "\xe2\x81\xa6",      // direction
                    "\xe2\x80\x8b", "\xe2\x80\x8f", "\xef\xbb\xbf",      // hidden
                    "\xc2\xad", "\xd8\x9c", "\xe2\x81\xa0",              //
                    "\xef\xbf\xbe", "\xef\xb7\x90", "\xf0\x9f\xbf\xbf",  // noncharacters
                    "\xf3\xa0\x81\x81"}) {                               // a tag
    EXPECT_EQ(clean_text(bad, 100), mark) << escaped_line(bad);
    EXPECT_FALSE(is_printable(std::string_view(bad))) << escaped_line(bad);
  }
}

TEST(CleanText, LinesAreJoinedOrKept) {
  EXPECT_EQ(clean_text("a\nb\tc\r\nd\re", 100), "a b c d e");
  EXPECT_EQ(clean_text("a\nb\tc\r\nd\re", 100, Lines::kept), "a\nb\tc\nd\ne");
  EXPECT_FALSE(is_printable("a\nb\tc\r\n"));
  EXPECT_TRUE(is_printable("a\nb\tc\r\n", Lines::kept));
}

TEST(CleanText, IsBoundedAndCutBetweenCharacters) {
  EXPECT_EQ(clean_text("abcdef", 3), "abc");
  EXPECT_EQ(clean_text("caf\xc3\xa9", 4), "caf");
  EXPECT_EQ(clean_text("\x01\x01\x01", 7), mark + mark);  // marks are longer than what they mark
  EXPECT_EQ(clean_text(std::string(20'000'000, 'x'), 64).size(), 64u);
}

TEST(CleanText, TwiceIsAsOnce) {
  std::string bytes;
  for (int i = 0; i < 4096; ++i) bytes += static_cast<char>(i * 7 + i / 256);
  for (auto lines : {Lines::joined, Lines::kept})
    for (std::size_t most : {0, 1, 100, 5000}) {
      auto once = clean_text(bytes, most, lines);
      EXPECT_LE(once.size(), most);
      EXPECT_TRUE(is_utf8(once));
      EXPECT_EQ(clean_text(once, most, lines), once);
    }
}

// They are looked at eight bytes at a time.
TEST(CleanText, EachByteCountsWhereverItStands) {
  for (int byte = 0; byte < 256; ++byte)
    for (std::size_t at = 0; at < 19; ++at) {
      std::string text(19, at % 2 ? ' ' : '~');
      text[at] = static_cast<char>(byte);
      EXPECT_EQ(is_plain(text), byte >= 0x20 && byte < 0x7f) << byte << " at " << at;
      EXPECT_EQ(is_utf8(text), byte < 0x80) << byte << " at " << at;
    }
}

TEST(EscapedLine, ShowsWhatCannotBeShown) {
  EXPECT_EQ(escaped_line("node a@h is up"), "node a@h is up");
  EXPECT_EQ(escaped_line("a\nFAKE\r\t"), "a\\nFAKE\\r\\t");
  EXPECT_EQ(escaped_line("\x1b[31m\xc2\x9b"), "\\x{1B}[31m\\x{9B}");
  EXPECT_EQ(escaped_line("caf\xc3\xa9 \xff \xe2\x80\xae"), "caf\xc3\xa9 \\x{FF} \\x{202E}");
  EXPECT_EQ(escaped_line("abcdef", 3), "abc...");
  EXPECT_EQ(escaped_line("abc", 3), "abc");
  EXPECT_LE(escaped_line(std::string(1'000'000, '\x01'), 100).size(), 120u);
}

TEST(EscapedJson, KeepsTheValues) {
  EXPECT_EQ(escaped_json("{\"a\":\"caf\xc3\xa9\"}\n"), "{\"a\":\"caf\xc3\xa9\"}\n");
  EXPECT_EQ(escaped_json("\"\x1b\xc2\x9b\x7f\xff\""), "\"\\u001B\\u009B\\u007F\\uFFFD\"");
  EXPECT_EQ(escaped_json("\"\xf3\xa0\x81\x81\""), "\"\\uDB40\\uDC41\"");
}

}  // namespace
}  // namespace muster
