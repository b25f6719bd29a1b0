#include "ops/convert.h"

#include <gmock/gmock.h>

#include "etf/print.h"
#include "ops/json_text.h"
#include "sample.h"

namespace muster::sample {
namespace {

using etf::atom, etf::binary, etf::tuple;
using ops::Input;

etf::Term pairs(std::vector<std::pair<etf::Term, etf::Term>> given) {
  etf::Map map;
  map.pairs = std::move(given);
  return map;
}

template <class T>
Result<T> from_json(std::string_view text) {
  auto value = json::parse(text);
  return ops::read<T>(Input(value));
}

template <class T>
Result<T> from_term(etf::Term term) {
  return ops::read<T>(Input(term));
}

/// bad_request at `field` in both notations.
template <class T>
void expect_refused(std::string_view text, etf::Term term, std::string_view field,
                    std::string_view message) {
  auto json = from_json<T>(text);
  ASSERT_FALSE(json.has_value()) << text;
  EXPECT_EQ(json.error().errc(), Errc::bad_request);
  EXPECT_EQ(json.error().field, field);
  EXPECT_THAT(json.error().message, testing::HasSubstr(message));
  auto printed = etf::to_string(term);
  auto erlang = from_term<T>(std::move(term));
  ASSERT_FALSE(erlang.has_value()) << printed;
  EXPECT_EQ(erlang.error().errc(), Errc::bad_request);
  EXPECT_EQ(erlang.error().field, field) << printed;
  EXPECT_THAT(erlang.error().message, testing::HasSubstr(message));
}

constexpr auto everything = R"({"text":"ä","port":"8080","big":9007199254740993,"real":1.5,
  "colour":"new","state":"DOWN","at":"2026-11-21T08:15:30.123Z","node":"a@b",
  "inner":{"text":"x","number":-1},"list":[{"text":"y"}],"names":["n"],"map":{"k":7},
  "free":{"a":[1,null]},"term":["t"]})";

TEST(Convert, EveryTypeGoesThroughJsonAndBack) {
  auto e = from_json<Everything>(everything);
  ASSERT_TRUE(e) << e.error().field << e.error().message;
  EXPECT_EQ(e->port, 8080);
  EXPECT_TRUE(e->flag) << "keeps its initialiser";
  EXPECT_EQ(e->colour, Colour::new_);
  EXPECT_EQ(e->state, State::down);
  EXPECT_EQ(to_rfc3339(e->at), "2026-11-21T08:15:30.123Z");
  EXPECT_FALSE(e->maybe);
  auto expected = json::parse(everything).as_object();
  expected["port"] = 8080;
  expected["flag"] = true;
  EXPECT_EQ(ops::to_json(*e), expected);
}

TEST(Convert, EveryTypeGoesThroughErlangAndBack) {
  auto e = from_json<Everything>(everything);
  ASSERT_TRUE(e);
  auto term = ops::to_term(*e);
  auto* map = term.get_if<etf::Map>();
  ASSERT_TRUE(map);
  EXPECT_EQ(*map->find("text"), binary("ä"));
  EXPECT_EQ(*map->find("colour"), atom("new"));
  EXPECT_EQ(*map->find("state"), atom("DOWN"));
  EXPECT_EQ(*map->find("at"), etf::Term(std::int64_t{1795248930123}));
  EXPECT_EQ(*map->find("node"), atom("a@b"));
  EXPECT_EQ(*map->find("map"), pairs({{binary("k"), 7}}));
  EXPECT_EQ(*map->find("free"), pairs({{binary("a"), etf::list(1, atom("null"))}}));
  EXPECT_EQ(map->find("maybe"), nullptr);
  auto again = from_term<Everything>(term);
  ASSERT_TRUE(again) << again.error().field << again.error().message;
  EXPECT_EQ(ops::to_term(*again), term);
}

TEST(Convert, TextInErlangIsAtomBinaryOrString) {
  for (auto text : {atom("joe"), binary("joe"), etf::Term(etf::CharList{"joe"})}) {
    auto login = from_term<Login>(pairs({{atom("user"), text}, {atom("password"), text}}));
    ASSERT_TRUE(login);
    EXPECT_EQ(login->user, "joe");
    EXPECT_EQ(login->password.reveal(), "joe");
  }
}

TEST(Convert, ArgumentsAreMapsOrPropertyListsWithAnyKindOfKey) {
  auto proplist = etf::list(tuple(etf::CharList{"user"}, binary("joe")),
                            tuple(binary("password"), binary("x")));
  auto login = from_term<Login>(proplist);
  ASSERT_TRUE(login) << login.error().message;
  EXPECT_EQ(login->user, "joe");
  auto by_id = from_term<ById>(etf::list(tuple(atom("id"), binary("7")), atom("force")));
  ASSERT_TRUE(by_id);
  EXPECT_TRUE(by_id->force) << "a lone atom in a property list is true";
}

TEST(Convert, NumbersAndBooleansMayBeText) {
  auto e = from_json<ById>(R"({"id":"1","force":"true"})");
  ASSERT_TRUE(e);
  EXPECT_TRUE(e->force);
  EXPECT_EQ(*from_json<std::int32_t>(R"("-17")"), -17);
  EXPECT_EQ(*from_json<double>(R"("2.5")"), 2.5);
  EXPECT_EQ(*from_term<std::int32_t>(etf::CharList{"12"}), 12);
  EXPECT_EQ(*from_json<std::int32_t>("3e2"), 300);
}

TEST(Convert, RefusesWrongTypesNamingTheField) {
  expect_refused<Login>(R"({"user":7,"password":"x"})",
                        pairs({{atom("user"), 7}, {atom("password"), binary("x")}}), "/user",
                        "wanted text, got an integer");
  expect_refused<Login>(R"({"user":{},"password":"x"})",
                        pairs({{atom("user"), pairs({})}, {atom("password"), binary("x")}}),
                        "/user", "wanted text, got an object");
  expect_refused<std::uint16_t>("65536", 65536, "", "from 0 to 65535");
  expect_refused<std::uint16_t>("-1", -1, "", "from 0 to 65535");
  expect_refused<std::uint16_t>("99999999999999999999", etf::BigInteger{false, "123456789"}, "",
                                "");
  expect_refused<std::uint16_t>("1.5", 1.5, "", "wanted an integer, got a number");
  expect_refused<std::uint16_t>(R"("8080x")", binary("8080x"), "", "wanted an integer, got text");
  expect_refused<std::uint16_t>(R"("")", binary(""), "", "wanted an integer, got text");
  expect_refused<double>(R"("inf")", binary("inf"), "", "wanted a number");
  expect_refused<double>(R"([1])", etf::list(1), "", "wanted a number, got a list");
  expect_refused<bool>("1", 1, "", "wanted a boolean, got an integer");
  expect_refused<bool>(R"("yes")", binary("yes"), "", "wanted a boolean, got text");
  expect_refused<Colour>(R"("blue")", atom("blue"), "", "wanted one of red, new, got 'blue'");
  expect_refused<State>(R"("up")", atom("up"), "", "wanted one of UP, DOWN, got 'up'");
  expect_refused<Colour>("[]", pairs({}), "", "wanted one of red, new, got ");
  expect_refused<ops::NodeName>(R"("nohost")", atom("nohost"), "", "wanted a node name");
  expect_refused<ops::NodeName>(R"("a@b@c")", atom("a@b@c"), "", "wanted a node name");
  expect_refused<ops::NodeName>(R"("a b@c")", atom("a b@c"), "", "wanted a node name");
  expect_refused<Timestamp>(R"("yesterday")", binary("yesterday"), "", "wanted a time");
  expect_refused<Timestamp>("true", pairs({}), "", "wanted a time");
  expect_refused<std::vector<std::string>>(R"("x")", binary("x"), "", "wanted a list, got text");
  expect_refused<std::vector<std::string>>(R"(["a",1])", etf::list(binary("a"), 1), "/1",
                                           "wanted text");
  expect_refused<std::map<std::string, std::int64_t>>(
      R"({"a/b":"x"})", pairs({{binary("a/b"), binary("x")}}), "/a~1b", "wanted an integer");
  expect_refused<std::string>(R"("a\u0000b")", binary(std::string_view("a\0b", 3)), "",
                              "without zero bytes");
  expect_refused<Login>("[1]", etf::list(1), "", "wanted ");
}

TEST(Convert, NamesTheFieldAllTheWayDown) {
  auto json = from_json<Everything>(R"({"text":"","port":1,"list":[{"text":"y"},{"text":[]}]})");
  ASSERT_FALSE(json);
  EXPECT_EQ(json.error().field, "/list/1/text");
}

TEST(Convert, RefusesUnknownDoubledAndMissingFields) {
  expect_refused<Login>(R"({"user":"a","pass~word":"x"})",
                        pairs({{atom("user"), binary("a")}, {binary("pass~word"), binary("x")}}),
                        "/pass~0word", "unknown field; known: user, password");
  expect_refused<Login>(R"({"user":"a"})", pairs({{atom("user"), binary("a")}}), "/password",
                        "required");
  expect_refused<Login>(R"({"user":"a","username":"b","password":"x"})",
                        pairs({{atom("user"), binary("a")},
                               {atom("username"), binary("b")},
                               {atom("password"), binary("x")}}),
                        "/username", "'user' is given twice");
  expect_refused<Inner>(R"({"provider_id":7})", pairs({{atom("provider_id"), 7}}), "/provider_id",
                        "wanted text");
  auto twice = from_term<ById>(etf::list(tuple(atom("id"), binary("1")), tuple(atom("id"), 2)));
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().field, "/id");
}

TEST(Convert, RefusesKeysAndTextThatAreNone) {
  EXPECT_FALSE(from_term<Login>(pairs({{7, binary("x")}})));
  EXPECT_FALSE(from_term<Login>(etf::list(tuple(1, 2, 3))));
  EXPECT_FALSE(from_term<std::string>(binary("\xff\xfe")));
  EXPECT_FALSE(from_term<std::string>(binary("\xed\xa0\x80"))) << "a surrogate";
  EXPECT_FALSE(from_term<std::string>(binary("\xe2\x82"))) << "cut short";
}

TEST(Convert, NullIsNotGivenWhereAbsenceIsAllowed) {
  auto json = from_json<Inner>(R"({"text":"a","number":null})");
  ASSERT_TRUE(json);
  EXPECT_FALSE(json->number);
  auto term =
      from_term<Inner>(pairs({{atom("text"), binary("a")}, {atom("number"), atom("undefined")}}));
  ASSERT_TRUE(term);
  EXPECT_FALSE(term->number);
  expect_refused<Inner>(R"({"text":null})", pairs({{atom("text"), 7}}), "/text", "wanted text");
}

TEST(Convert, OddFormsHaveAConverterOfTheirOwn) {
  EXPECT_TRUE(from_json<Selection>(R"("random")")->is_random);
  EXPECT_EQ(from_json<Selection>(R"({"node":"x"})")->node, "x");
  EXPECT_EQ(from_term<Selection>(tuple(atom("node"), binary("x")))->node, "x");
  EXPECT_EQ(ops::to_term(Selection{false, "x"}), tuple(atom("node"), binary("x")));
  auto bad = from_json<std::vector<Selection>>(R"(["random", 7])");
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().field, "/1");
}

TEST(Convert, BytesAreBase64InJsonAndABinaryInErlang) {
  auto json = from_json<Upload>(R"({"name":"r","release":"aGVs\nbG8="})");
  ASSERT_TRUE(json) << json.error().message;
  ASSERT_EQ(json->release.size(), 5u);
  EXPECT_EQ(json->release.pieces[0], "hello");
  auto term =
      from_term<Upload>(pairs({{atom("name"), binary("r")}, {atom("release"), binary("hello")}}));
  ASSERT_TRUE(term);
  EXPECT_EQ(term->release.pieces[0], "hello");
  for (auto bad : {"aGVsbG8", "aGVsbG8=x", "aGV%", "a", "=", "aGVsbG8=="}) {
    auto refused = from_json<Upload>(json::serialize(json::object{{"name", ""}, {"release", bad}}));
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().field, "/release");
  }
}

TEST(Convert, TimesMayHaveOffsetsAndFractions) {
  EXPECT_EQ(*from_json<Timestamp>(R"("2026-11-21T10:15:30.5+02:00")"),
            *from_json<Timestamp>(R"("2026-11-21T08:15:30.500Z")"));
  EXPECT_EQ(*from_term<Timestamp>(std::int64_t{1795248930123}),
            *from_json<Timestamp>(R"("2026-11-21T08:15:30.123Z")"));
  for (auto bad : {"2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00",
                   "2026-01-01T24:00:00Z", "2026-01-01T00:00:00Zx", "2026-01-01", ""})
    EXPECT_FALSE(from_json<Timestamp>(json::serialize(json::value(bad)))) << bad;
}

TEST(Convert, AStructMayContainItself) {
  auto tree = from_json<Tree>(R"({"name":"a","children":[{"name":"b"}]})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(tree->children[0].name, "b");
  ops::Components components;
  ops::type_of<Tree>().schema(components);
  EXPECT_TRUE(components.schemas.contains("sample.Tree"));
}

TEST(Convert, FreeTermsBecomeReadableJson) {
  auto json = [](etf::Term t) { return json::serialize(ops::json_of(t)); };
  EXPECT_EQ(json(tuple(atom("ok"), etf::CharList{"text"}, binary("bin"))),
            R"(["ok","text","bin"])");
  EXPECT_EQ(json(etf::CharList{std::string("\x01\x02", 2)}), "[1,2]");
  EXPECT_EQ(json(binary("\xff")), R"({"base64":"/w=="})");
  EXPECT_EQ(json(pairs({{1, atom("true")}, {tuple(1, 2), atom("undefined")}})),
            R"({"1":true,"{1,2}":null})");
  EXPECT_EQ(json(etf::list()), "[]");
}

// #{a => 1, <<"a">> => 2} became {"a": 2}.
TEST(Convert, AMapWhoseKeysWouldBeTheSameTextLosesNothing) {
  auto both = pairs({{atom("a"), 1}, {binary("a"), 2}});
  EXPECT_EQ(ops::json_text(ops::json_of(both)), R"({"$map":[["a",1],["a",2]]})");
  EXPECT_EQ(ops::json_text(ops::json_of(pairs({{1, 1}, {binary("1"), 2}}))),
            R"({"$map":[[1,1],["1",2]]})");
  EXPECT_EQ(ops::json_text(ops::json_of(pairs({{binary("$map"), 1}}))), R"({"$map":[["$map",1]]})");
}

TEST(Convert, AListOfPairsIsAMapWithKeysOfAnyKind) {
  auto term = [](std::string_view text) { return ops::term_of(json::parse(text)); };
  EXPECT_EQ(term(R"({"$map":[[1,"x"],[[2],{"a":null}]]})"),
            pairs({{1, binary("x")}, {etf::list(2), pairs({{binary("a"), atom("null")}})}}));
  EXPECT_EQ(term(R"({"$map":[["$map",1]]})"), pairs({{binary("$map"), 1}}));
  // What no node would take as a map, or is none, stays what it says.
  for (auto text : {R"({"$map":[["a",1],["a",2]]})", R"({"$map":[[1]]})", R"({"$map":1})",
                    R"({"$map":[],"b":1})"})
    EXPECT_EQ(ops::json_of(term(text)).as_object().contains("$map"), true) << text;
  EXPECT_EQ(term(R"({"$map":[["a",1],["a",2]]})").get_if<etf::Map>()->pairs.size(), 1u);
}

/// It is a map whose only key is the text "$map".
bool is_said(const etf::Term& term) {
  auto* map = term.get_if<etf::Map>();
  return map && map->pairs.size() == 1 && map->pairs[0].first == binary("$map");
}

// Each level made what is in it twice: twenty levels took seconds, sixty never ended.
TEST(Convert, MapsInMapsAreMadeOnce) {
  etf::Term named = 1, both = 1;
  std::string text = "1", same = "1";
  for (int level = 0; level < 60; ++level) {
    named = pairs({{binary("$map"), std::move(named)}});
    both = pairs({{atom("a"), std::move(both)}, {binary("a"), 2}});
  }
  for (int level = 0; level < 20; ++level) {
    text = R"({"$map":[[)" + text + ",1],0]}";
    same = R"({"$map":[[1,)" + same + "],[1,2]]}";
  }
  EXPECT_TRUE(ops::json_of(named).as_object().contains("$map"));
  EXPECT_TRUE(ops::json_of(both).as_object().contains("$map"));
  for (auto& each : {text, same})
    EXPECT_TRUE(is_said(ops::term_of(json::parse(each, {}, {.max_depth = 100}))));
}

TEST(Convert, KeysOfAMapAreToldApartByWhatTheyAre) {
  auto term = [](std::string_view given) { return ops::term_of(json::parse(given)); };
  EXPECT_EQ(term(R"({"$map":[[1,0],[1.0,0],["1",0],[[1],0],[{"a":1},0],[{"a":[1]},0]]})")
                .get_if<etf::Map>()
                ->pairs.size(),
            6u);
  auto is_map = [&](std::string_view given) { return !is_said(term(given)); };
  EXPECT_FALSE(is_map(R"({"$map":[[{"a":1,"b":2},0],[{"b":2,"a":1},0]]})"));
  EXPECT_FALSE(is_map(R"({"$map":[[null,0],[1e999,0]]})"));
  EXPECT_TRUE(is_map(R"({"$map":[[["a","b"],0],[["b","a"],0]]})"));
}

TEST(Convert, UnsignedBeyondErlangsSmallIntegersIsABigOne) {
  auto term = ops::to_term(std::uint64_t{UINT64_MAX});
  ASSERT_TRUE(term.is<etf::BigInteger>());
  EXPECT_EQ(etf::to_string(term), "18446744073709551615");
}

TEST(Convert, EnumeratorsAreNamedAsCallersSeeThem) {
  EXPECT_EQ(ops::enumerator_name("new_", false), "new");
  EXPECT_EQ(ops::enumerator_name("uninit", true), "UNINIT");
  EXPECT_EQ(ops::to_json(ops::Role::operator_), "operator");
}

TEST(Convert, SchemasAreNamedByFolderAndStruct) {
  EXPECT_EQ(ops::schema_name("muster::topology::AddNode"), "topology.AddNode");
  EXPECT_EQ(ops::schema_name("muster::ops::Page<muster::topology::Node>"), "");
  EXPECT_EQ(ops::schema_name("muster::sample::{anonymous}::X"), "sample.X");
}

TEST(Convert, WeighsWhatAValueHolds) {
  auto weight = [](const Everything& v) { return ops::type_of<Everything>().weight(&v); };
  Everything small;
  EXPECT_GE(weight(small), sizeof(Everything));
  EXPECT_LT(weight(small), sizeof(Everything) + 200);

  constexpr std::size_t mib = 1 << 20;
  auto grows_by = [&](std::size_t bytes, auto change) {
    Everything v;
    change(v);
    auto more = weight(v) - weight(small);
    EXPECT_GE(more, bytes);
    EXPECT_LE(more, bytes * 3 / 2);
  };
  grows_by(mib, [](auto& v) { v.text.assign(mib, 'x'); });
  grows_by(mib, [](auto& v) { v.maybe = std::string(mib, 'x'); });
  grows_by(mib, [](auto& v) { v.inner.text.assign(mib, 'x'); });
  grows_by(1000 * sizeof(Inner), [](auto& v) { v.list.assign(1000, {}); });
  grows_by(mib, [](auto& v) { v.list.assign(1024, {std::string(1024, 'x'), {}}); });
  grows_by(1000 * 80, [](auto& v) {
    for (int i = 0; i < 1000; ++i) v.map[std::to_string(i)] = i;
  });
  grows_by(1000 * sizeof(json::value), [](auto& v) { v.free = json::array(1000, 0); });
  grows_by(mib, [](auto& v) { v.free = json::object{{"a", {json::string(mib, 'x')}}}; });
  grows_by(1000 * sizeof(etf::Term),
           [](auto& v) { v.term = etf::Tuple{std::vector<etf::Term>(1000)}; });
  grows_by(mib, [](auto& v) {
    etf::Map map;
    map.pairs.emplace_back(1, etf::list(etf::binary(std::string(mib, 'x'))));
    v.term = std::move(map);
  });
}

static_assert(ops::detail::holds_secret<Login>());
static_assert(ops::detail::holds_secret<std::optional<std::vector<Login>>>());
static_assert(!ops::detail::holds_secret<Everything>());

}  // namespace
}  // namespace muster::sample
