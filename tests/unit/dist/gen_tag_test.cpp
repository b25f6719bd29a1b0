#include <gtest/gtest.h>

#include "dist/gen.h"
#include "etf/encode.h"
#include "etf/term.h"

namespace muster::dist {
namespace {

using namespace etf;

std::string encoded(const Term& term) {
  std::string out;
  encode(term, out);
  return out;
}

Term improper(Term head, Term tail) {
  return List{{std::move(head)}, std::make_shared<const Term>(std::move(tail))};
}

const Reference ref{Atom{"a@vm"}, 7, 3, {1, 2, 3}};
const Reference outer{Atom{"a@vm"}, 7, 3, {4, 5, 6}};

TEST(GenTag, FindsTheAliasOfAGenServerCall) {
  EXPECT_EQ(alias_in(encoded(improper(atom("alias"), ref))), encoded(ref));
}

TEST(GenTag, FindsTheInnerAliasOfAMultiCall) {
  EXPECT_EQ(alias_in(encoded(improper(improper(atom("alias"), ref), outer))), encoded(ref));
}

TEST(GenTag, TakesEveryOtherTagAsOpaque) {
  for (auto& tag : {Term(ref), tuple(ref, atom("a@vm")), atom("alias"), list(atom("alias"), ref),
                    improper(atom("else"), ref), improper(atom("alias"), 1), Term(),
                    improper(improper(improper(atom("alias"), ref), ref), ref)})
    EXPECT_EQ(alias_in(encoded(tag)), "");
  EXPECT_EQ(alias_in(""), "");
}

}  // namespace
}  // namespace muster::dist
