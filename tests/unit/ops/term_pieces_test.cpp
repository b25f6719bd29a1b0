#include "ops/term_pieces.h"

#include <gtest/gtest.h>

#include "etf/decode.h"
#include "sample.h"

namespace muster::sample {
namespace {

/// The term of the pieces of about `most` bytes, and how long the longest of these was.
template <class T>
std::pair<etf::Term, std::size_t> from_pieces(const T& value, std::size_t most) {
  ops::TermPieces pieces(std::make_shared<T>(value), ops::type_of<T>());
  std::string all;
  std::size_t longest = 0;
  for (bool has_more = true; has_more;) {
    auto before = all.size();
    has_more = pieces.next(all, most);
    longest = std::max(longest, all.size() - before);
  }
  auto term = etf::decode(all);
  EXPECT_TRUE(term) << term.error().text();
  return {term ? *std::move(term) : etf::Term(), longest};
}

TEST(TermPieces, AreTheTermOfTheValueWhateverTheirSize) {
  Everything value;
  value.text = "ä \x01";
  value.list = {{"a", 1}, {"b", {}}};
  value.map = {{"k", 7}};
  value.free = json::array{1, json::object{{"a", json::array{}}}, nullptr};
  value.term = etf::tuple(etf::atom("ok"), 1);
  for (std::size_t most : {1, 10, 100, 100'000})
    EXPECT_EQ(from_pieces(value, most).first, ops::to_term(value)) << most;
}

TEST(TermPieces, OfWhatIsNoStruct) {
  EXPECT_EQ(from_pieces(std::string("x"), 1).first, etf::binary("x"));
  EXPECT_EQ(from_pieces(std::vector<std::string>(), 1).first, ops::to_term(std::vector<int>()));
  EXPECT_EQ(from_pieces(std::optional<Inner>(), 1).first, etf::atom("undefined"));
  EXPECT_EQ(from_pieces(std::optional<Inner>({"a", 1}), 1).first, ops::to_term(Inner{"a", 1}));
}

// A page of ten thousand rows was one turn of the loop, 52 ms.
TEST(TermPieces, OfALongListAreShort) {
  std::vector<Inner> list(10'000, {std::string(100, 'x'), 1});
  auto [term, longest] = from_pieces(list, 1000);
  EXPECT_EQ(term, ops::to_term(list));
  EXPECT_LT(longest, 1200u);
}

}  // namespace
}  // namespace muster::sample
