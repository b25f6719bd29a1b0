#include "services/commands/arguments.h"

#include <gtest/gtest.h>

#include "services/commands/types.h"

namespace muster::commands {
namespace {

namespace json = boost::json;

Result<RunCommand> from_json(const std::string& args) {
  auto value = json::parse(R"({"module":"m","function":"f","args":)" + args + "}");
  return ops::read<RunCommand>(ops::Input(value));
}

Result<RunCommand> from_erlang(etf::Term args) {
  etf::Map map;
  map.pairs.emplace_back(etf::atom("module"), etf::atom("m"));
  map.pairs.emplace_back(etf::atom("function"), etf::atom("f"));
  map.pairs.emplace_back(etf::atom("args"), std::move(args));
  etf::Term term(std::move(map));
  return ops::read<RunCommand>(ops::Input(term));
}

etf::Term map_of(const std::string& key, etf::Term value) {
  etf::Map map;
  map.pairs.emplace_back(etf::binary(key), std::move(value));
  return map;
}

TEST(Arguments, OfJsonAreTermsWithWordsForWhatItLacks) {
  auto read = from_json(
      R"([1, "text", null, {"$atom": "ok"}, {"$string": "abc"}, {"$string": ""},
          {"$tuple": [{"$atom": "a"}, [{"$tuple": []}]]}, {"k": {"$atom": "b"}, "$atom": "c"}])");
  ASSERT_TRUE(read) << read.error().text();
  etf::Map both;
  both.pairs.emplace_back(etf::binary("k"), etf::atom("b"));
  both.pairs.emplace_back(etf::binary("$atom"), etf::binary("c"));
  std::vector<etf::Term> wanted{1,
                                etf::binary("text"),
                                etf::atom("null"),
                                etf::atom("ok"),
                                etf::CharList{"abc"},
                                etf::Term(),
                                etf::tuple(etf::atom("a"), etf::list(etf::Tuple{})),
                                both};
  EXPECT_EQ(read->args->terms, wanted);
  EXPECT_EQ(read->args->atoms, (std::set<std::string>{"a", "b", "ok"}));
}

TEST(Arguments, OfJsonThatMakeNoSenseAreBadRequests) {
  const auto long_name = std::string(256, 'x');
  for (const std::string args :
       {R"("text")", R"({"a": 1})", "7", R"([{"$x": 1}])", R"([{"$atom": 1}])",
        R"([{"$tuple": "a"}])", R"([{"$string": ["a"]}])", R"([{"$tuple": [{"$x": 1}]}])"}) {
    auto read = from_json(args);
    ASSERT_FALSE(read) << args;
    EXPECT_EQ(read.error().errc(), Errc::bad_request);
    EXPECT_EQ(read.error().field, "/args");
  }
  EXPECT_FALSE(from_json(R"([{"$atom": ")" + long_name + "\"}]"));
}

// Each node is asked for all of them: 60,000 in one request stopped the loop for seconds.
TEST(Arguments, HaveAtMostAThousandDifferentAtoms) {
  auto atoms = [](int count) {
    json::array list;
    for (int i = 0; i < count; ++i)
      for (int twice = 0; twice < 2; ++twice)
        list.push_back(json::object{{"$atom", fmt::format("a{}", i)}});
    return json::serialize(list);
  };
  EXPECT_TRUE(from_json(atoms(1000)));
  auto refused = from_json(atoms(1001));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().errc(), Errc::too_large);
  EXPECT_EQ(refused.error().field, "/args");
}

// They were read as JSON's: the first was a bad_request, the second became an atom.
TEST(Arguments, OfErlangAreWhatTheyAre) {
  for (auto& term : {map_of("$x", 1), map_of("$atom", etf::binary("a")),
                     etf::Term(etf::tuple(map_of("$tuple", etf::Term())))}) {
    auto read = from_erlang(etf::list(term));
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_EQ(read->args->terms, std::vector<etf::Term>{term});
    EXPECT_TRUE(read->args->atoms.empty());
  }
  EXPECT_EQ(from_erlang(etf::CharList{"\1\2"})->args->terms, (std::vector<etf::Term>{1, 2}));
  EXPECT_EQ(from_erlang(etf::binary("x")).error().field, "/args");
}

}  // namespace
}  // namespace muster::commands
