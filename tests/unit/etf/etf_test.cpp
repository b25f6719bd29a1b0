#include <fmt/format.h>
#include <gtest/gtest.h>

#include "etf/decode.h"
#include "etf/encode.h"
#include "etf/print.h"

namespace muster::etf {
namespace {

std::string hex(std::string_view digits) {
  std::string out;
  for (std::size_t i = 0; i + 1 < digits.size(); i += 2)
    out += static_cast<char>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16));
  return out;
}

/// What OTP 25's term_to_binary gave, the term, and how a shell prints it.
struct Known {
  const char* bytes;
  Term term;
  const char* printed;
};

std::vector<Known> known() {
  return {
      {"836101", 1, "1"},
      {"8362ffffffff", -1, "-1"},
      {"836280000000", std::int64_t{-2147483648}, "-2147483648"},
      {"836e0800ffffffffffffff7f", INT64_MAX, "9223372036854775807"},
      {"836e08010000000000000080", INT64_MIN, "-9223372036854775808"},
      {"836e0900000000000000000001", BigInteger{false, hex("000000000000000001")},
       "18446744073709551616"},
      {"836e0901000000000000000040", BigInteger{true, hex("000000000000000040")},
       "-1180591620717411303424"},
      {"83463ff8000000000000", 1.5, "1.5"},
      {"836400026f6b", atom("ok"), "ok"},
      {"837707c3bcc39fe282ac", atom("\xc3\xbc\xc3\x9f\xe2\x82\xac"), nullptr},
      {"836d000000026869", binary("hi"), "<<\"hi\">>"},
      {"834d0000000103a0", Bitstring{hex("a0"), 3}, "<<5:3>>"},
      {"836a", Term(), "[]"},
      {"836b0003616263", CharList{"abc"}, "\"abc\""},
      {"836c000000036400016161016d000000006a", list(atom("a"), 1, binary("")), "[a,1,<<\"\">>]"},
      {"836c000000016400016164000162", List{{atom("a")}, std::make_shared<const Term>(atom("b"))},
       "[a|b]"},
      {"836803610168006a", tuple(1, tuple(), Term()), "{1,{},[]}"},
      {"837400000001640001616101", Map{{{atom("a"), 1}}}, "#{a => 1}"},
      {"83716400056c697374736400036d61706102", Fun{hex("716400056c697374736400036d61706102")},
       nullptr},
  };
}

TEST(Etf, ReadsWhatErlangWrites) {
  for (auto& [bytes, term, printed] : known()) {
    auto decoded = decode_external(hex(bytes));
    ASSERT_TRUE(decoded) << bytes << ": " << decoded.error().text();
    EXPECT_EQ(*decoded, term) << bytes;
    if (printed) {
      EXPECT_EQ(to_string(*decoded), printed);
    }
    auto again = decode_external(encode_external(*decoded));
    ASSERT_TRUE(again) << bytes;
    EXPECT_EQ(*again, term) << bytes;
  }
}

TEST(Etf, RefusesEveryTruncationAndEveryByteTooMany) {
  for (auto& entry : known()) {
    auto whole = hex(entry.bytes);
    for (std::size_t size = 0; size < whole.size(); ++size)
      EXPECT_FALSE(decode_external(std::string_view(whole).substr(0, size))) << entry.bytes;
    EXPECT_FALSE(decode_external(whole + "x")) << entry.bytes;
  }
}

TEST(Etf, CarriesPidsPortsAndReferences) {
  for (auto& term :
       {Term(Pid{Atom{"a@vm"}, 1, 2, 0x87654321}), Term(Port{Atom{"a@vm"}, 7, 0x87654321}),
        Term(Reference{Atom{"a@vm"}, 0x87654321, 5, {1, 2, 3, 4, 5}})}) {
    auto again = decode_external(encode_external(term));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, term);
  }
}

TEST(Etf, BoundsDepthAndNumberOfElements) {
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += hex("6801");
  deep += hex("6a");
  EXPECT_TRUE(decode(deep, Limits{40, 100}));
  auto too_deep = decode(deep, Limits{39, 100});
  ASSERT_FALSE(too_deep);
  EXPECT_EQ(too_deep.error().errc(), Errc::too_large);
  auto too_many = decode(deep, Limits{40, 40});
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().errc(), Errc::too_large);
  EXPECT_FALSE(decode(hex("6cffffffff6a"))) << "a length that the bytes cannot hold";
  EXPECT_FALSE(decode(hex("69ffffffff")));
  EXPECT_FALSE(decode(hex("74ffffffff")));
}

TEST(Etf, AnAtomKeepsItsZeroBytes) {
  for (auto* bytes : {"7703610062", "760003610062", "7303610062", "640003610062"}) {
    auto decoded = decode(hex(bytes));
    ASSERT_TRUE(decoded) << bytes;
    EXPECT_EQ(*decoded, Term(Atom{std::string("a\0b", 3)})) << bytes;
    EXPECT_EQ(encode_external(*decoded), hex("837703610062")) << bytes;
  }
}

TEST(Etf, ReadsAtomsOfOldNodesAsUtf8) {
  auto decoded = decode(hex("640002fc62"));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(*decoded, atom("\xc3\xbc"
                           "b"));
  EXPECT_TRUE(decode(hex("6400ff") + std::string(255, '\xfc')));
  EXPECT_FALSE(decode(hex("640100") + std::string(256, 'x'))) << "longer than any atom";
  EXPECT_FALSE(decode(hex("760100") + std::string(256, 'x')));
}

TEST(Etf, PrintsBigIntegersInDecimalAsErlangDoes) {
  auto print = [](std::size_t bytes) {
    return to_string(BigInteger{true, std::string(bytes, '\0') + '\1'});
  };
  // io_lib:print(-(1 bsl 480)).
  EXPECT_EQ(
      print(60),
      "-312174855031599223138159722979316630574859814266497115085915695962537173881976562012030"
      "6103063491971159826931121406622895447975679288285306290176");
  EXPECT_EQ(print(500), "-16#01" + std::string(1000, '0')) << "in decimal it took 50 us";
  auto huge = to_string(BigInteger{false, std::string(1'000'000, '\xab')}, 100);
  EXPECT_EQ(huge.substr(0, 7), "16#ABAB");
  EXPECT_LT(huge.size(), 110u);
  EXPECT_EQ(huge.substr(huge.size() - 3), "...");
}

TEST(Etf, SmallElementsDoNotCostMoreMemoryThanTheBudget) {
  const std::size_t most = Limits{}.elements;
  EXPECT_LE(most * sizeof(Term), 64u << 20);
  auto list_of = [](std::uint32_t count) {
    auto bytes = hex(fmt::format("6c{:08x}", count));
    for (std::uint32_t i = 0; i < count; ++i) bytes += "a\1";
    return bytes + 'j';
  };
  auto refused = check(list_of(static_cast<std::uint32_t>(most)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::too_large);
  EXPECT_TRUE(check(list_of(static_cast<std::uint32_t>(most - 2))));
  EXPECT_TRUE(decode(hex("6d04000000") + std::string(64u << 20, 'x'))) << "one element of 64 MiB";
}

TEST(Etf, RefusesWhatNoNodeSends) {
  EXPECT_FALSE(decode_external(hex("8350000000ff")));  // compressed: it could grow without bound
  EXPECT_FALSE(decode(hex("00")));
  EXPECT_FALSE(decode(hex("5a0006") + hex("7701610000000000000001")));
  EXPECT_FALSE(decode(hex("467ff0000000000000"))) << "infinity";
}

TEST(Etf, TakesOneTermFromTheFront) {
  auto bytes = hex("61016102");
  std::string_view rest = bytes;
  auto first = decode_front(rest);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, Term(1));
  EXPECT_EQ(rest, hex("6102"));
}

TEST(Etf, KeepsTextApartFromLists) {
  Term chars = CharList{"ab"}, integers = list(97, 98);
  EXPECT_EQ(chars, integers);
  std::string text;
  EXPECT_TRUE(chars.text(text));
  EXPECT_EQ(text, "ab");
  EXPECT_TRUE(list(0x20ac).text(text));
  EXPECT_EQ(text, "\xe2\x82\xac");
  EXPECT_FALSE(list(0xd800).text(text)) << "half a surrogate";
  EXPECT_FALSE(tuple().text(text));
  std::vector<Term> elements;
  EXPECT_TRUE(chars.proper_list(elements));
  EXPECT_EQ(elements.size(), 2u);
}

/// Evidence of an alarm that had such bytes could not be read back from its row.
TEST(Etf, PrintsUtf8WhateverTheBytes) {
  EXPECT_EQ(to_string(binary("<0.\x83>")), "<<60,48,46,131,62>>");
  EXPECT_EQ(to_string(binary("caf\xc3\xa9")), "<<\"caf\xc3\xa9\">>");
  EXPECT_EQ(to_string(CharList{"caf\xe9"}), "\"caf\xc3\xa9\"");
  EXPECT_EQ(to_string(CharList{"\x83"}), "[131]");
  EXPECT_EQ(to_string(binary("caf\xc3\xa9"), 4), "<<\"caf\"...>>");
}

/// An atom with ESC in it steered the terminal that showed the log.
TEST(Etf, PrintsNothingThatSteersATerminal) {
  EXPECT_EQ(to_string(Atom{"a\x1b[2J\xc2\x9b\n"}), "'a\\x{1B}[2J\\x{9B}\\n'");
  EXPECT_EQ(to_string(Atom{"it's \\"}), "'it\\'s \\\\'");
  EXPECT_EQ(to_string(binary("\xc2\x9b")), "<<194,155>>");
  EXPECT_EQ(to_string(binary("\xe2\x80\xae")), "<<226,128,174>>");
  EXPECT_EQ(to_string(binary("say \"a\nb\"")), "<<\"say \\\"a\\nb\\\"\">>");
  EXPECT_EQ(to_string(CharList{"\x1b[2J"}), "[27,91,50,74]");
}

TEST(Etf, NamesAreTextOnOneBoundedLine) {
  EXPECT_EQ(name_of(binary("riak"), 10), "riak");
  EXPECT_EQ(name_of(tuple(1, atom("a")), 10), "{1,a}");
  EXPECT_EQ(name_of(binary("\xff\nlonger than ten"), 10), "\xef\xbf\xbd longer");
  EXPECT_EQ(name_of(binary(""), 10), "<<\"\">>");
}

TEST(Etf, CutsLongPrints) {
  auto text = to_string(binary(std::string(10'000, 'x')), 100);
  EXPECT_LT(text.size(), 200u);
  EXPECT_NE(text.find("..."), std::string::npos);
}

TEST(Etf, QuotesAtomsAsErlangDoes) {
  EXPECT_EQ(quoted(Atom{"ok"}), "ok");
  EXPECT_EQ(quoted(Atom{"a@vm"}), "a@vm");
  EXPECT_EQ(quoted(Atom{"a@127.0.0.1"}), "'a@127.0.0.1'");
  EXPECT_EQ(quoted(Atom{"Big"}), "'Big'");
  EXPECT_EQ(quoted(Atom{""}), "''");
}

}  // namespace
}  // namespace muster::etf
