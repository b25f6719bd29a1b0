#include "doors/rest/json_body.h"

#include <gmock/gmock.h>

#include "etf/weight.h"
#include "ops/convert.h"

namespace muster::doors::rest {
namespace {

struct Release {
  std::string name;
  ops::Blob release;
  static constexpr ops::Alias aliases[] = {{"tarball", "release"}};
};
BOOST_DESCRIBE_STRUCT(Release, (), (name, release))

const ops::Struct* release() {
  return ops::type_of<Release>().structure();
}

Result<> feed(JsonBody& body, std::string_view text, std::size_t step) {
  for (std::size_t at = 0; at < text.size(); at += step) TRYV(body.feed(text.substr(at, step)));
  return body.finish();
}

TEST(JsonBody, DecodesBytesOnTheWayWhateverThePieces) {
  constexpr std::string_view text =
      R"( {"name":"a\u00e4","release":"aGVsbG8g\nd29ybGQ=","x":["release",{"release":"no"}]} )";
  for (std::size_t step = 1; step <= text.size(); ++step) {
    JsonBody body(release(), "");
    auto fed = feed(body, text, step);
    ASSERT_TRUE(fed) << step << fed.error().message;
    ASSERT_EQ(body.blobs().size(), 1u);
    EXPECT_EQ(body.blobs()[0].first, "release");
    EXPECT_EQ(body.blobs()[0].second.pieces[0], "hello world");
    EXPECT_EQ(body.value(), json::parse(R"({"name":"aä","x":["release",{"release":"no"}]})"));
  }
}

TEST(JsonBody, UnwrapsWhatIsWrapped) {
  JsonBody body(release(), "release");
  ASSERT_TRUE(feed(body, R"({"release":{"name":"r","tarball":"aGk="}})", 3));
  EXPECT_EQ(body.value(), (json::value{{"name", "r"}}));
  ASSERT_EQ(body.blobs().size(), 1u);
  EXPECT_EQ(body.blobs()[0].first, "tarball");
}

TEST(JsonBody, WhatIsNotAloneIsNoWrapper) {
  JsonBody body(release(), "release");
  ASSERT_TRUE(feed(body, R"({"release":{"tarball":"aGk="},"name":"r"})", 3));
  EXPECT_TRUE(body.blobs().empty());
  EXPECT_TRUE(body.value().at("release").is_object());
}

TEST(JsonBody, NoBodyIsNull) {
  JsonBody body(release(), "");
  ASSERT_TRUE(feed(body, " \r\n", 1));
  EXPECT_TRUE(body.value().is_null());
}

TEST(JsonBody, SaysWhereItIsBroken) {
  for (std::string_view bad : {R"({"a":1)", R"({"a":1}})", "[1,]", R"({"a" 1})", "nul", R"("\x")",
                               "\xff", R"(["a)", "{'a':1}"}) {
    for (std::size_t step : {std::size_t{1}, bad.size()}) {
      JsonBody body(release(), "");
      auto fed = feed(body, bad, step);
      ASSERT_FALSE(fed) << bad << step;
      EXPECT_EQ(fed.error().errc(), Errc::bad_request);
      EXPECT_THAT(fed.error().message, testing::HasSubstr("the body is no JSON"));
    }
  }
}

TEST(JsonBody, NamesTheFieldWithBrokenBytes) {
  for (std::string_view bad : {R"({"release":"a%"})", R"({"release":"aGVsb"})"}) {
    JsonBody body(release(), "");
    auto fed = feed(body, bad, 1);
    ASSERT_FALSE(fed);
    EXPECT_EQ(fed.error().field, "/release");
  }
}

TEST(JsonBody, RefusesAMemberThatIsGivenTwice) {
  for (std::string_view bad :
       {R"({"a":1,"a":2})", R"({"x":{"a":1,"a":2}})", R"([{"a":1,"\u0061":2}])"}) {
    JsonBody body(nullptr, "");
    auto fed = feed(body, bad, 2);
    ASSERT_FALSE(fed) << bad;
    EXPECT_EQ(fed.error().field, "/a");
  }
  JsonBody body(nullptr, "");
  EXPECT_TRUE(feed(body, R"([{"a":1},{"a":{"a":2}}])", 2));
}

TEST(JsonBody, RefusesNumbersBeyondAll) {
  JsonBody body(nullptr, "");
  EXPECT_FALSE(feed(body, "[1e999]", 2));
}

TEST(JsonBody, BoundsAllButTheBytes) {
  std::string large(3 << 20, 'A');
  JsonBody bytes(release(), "");
  EXPECT_TRUE(feed(bytes, R"({"release":")" + large + R"("})", 65536));
  JsonBody text(release(), "");
  EXPECT_EQ(feed(text, R"({"name":")" + large + R"("})", 65536).error().errc(), Errc::too_large);
}

// 1 MiB of [0,0,0… was 8 MiB of values and 40 MiB of terms, and held up the loop.
TEST(JsonBody, BoundsTheNumberOfValues) {
  auto zeros = [](std::size_t count) {
    std::string text = "[0";
    while (--count > 0) text += ",0";
    return text + ']';
  };
  JsonBody fits(nullptr, "");
  EXPECT_TRUE(feed(fits, zeros(JsonBody::value_limit - 1), 65536));
  JsonBody body(nullptr, "");
  EXPECT_EQ(feed(body, zeros(JsonBody::value_limit), 65536).error().errc(), Errc::too_large);
}

TEST(JsonBody, WeighsAtLeastWhatItsValuesAndTermsTake) {
  for (std::string each : {"0", "[]", "{}", R"({"a":0})", R"("0123456789abcdef0123456789")",
                           "[[0]]", R"({"a long key of an object":{"and another one":1.5}})"}) {
    std::string text = "[" + each;
    for (int i = 1; i < 10'000; ++i) text += "," + each;
    JsonBody body(nullptr, "");
    ASSERT_TRUE(body.feed(text + "]"));
    auto claimed = body.weight();
    ASSERT_TRUE(body.finish());
    auto term = ops::term_of(body.value());
    EXPECT_GE(claimed, ops::weight(body.value())) << each;
    EXPECT_GE(claimed, etf::weight(term)) << each;
    EXPECT_LE(claimed, 8 * etf::weight(term)) << each;
  }
}

TEST(JsonBody, BoundsTheDepth) {
  JsonBody body(nullptr, "");
  EXPECT_FALSE(feed(body, std::string(100, '[') + std::string(100, ']'), 10));
}

}  // namespace
}  // namespace muster::doors::rest
