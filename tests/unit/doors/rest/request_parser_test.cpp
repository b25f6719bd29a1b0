#include "doors/rest/request_parser.h"

#include <gtest/gtest.h>

namespace muster::doors::rest {
namespace {

/// Feeds all of `text` in pieces of `step` bytes and gives the body, or the error.
Result<std::string> parse(RequestParser& parser, std::string_view text, std::size_t step,
                          std::uint64_t limit = 1000) {
  std::string body, buffer;
  bool has_head = false;
  for (std::size_t at = 0; at < text.size(); at += step) {
    buffer += text.substr(at, step);
    std::string_view bytes = buffer;
    if (!has_head) {
      TRY(has_head, parser.feed_head(bytes));
      if (has_head) parser.limit_body(limit);
    }
    if (has_head) TRYV(parser.feed_body(bytes, body));
    buffer.erase(0, buffer.size() - bytes.size());
  }
  if (!has_head || !parser.is_done()) return Error(Errc::unavailable, "incomplete");
  return body;
}

constexpr std::string_view with_length =
    "POST /api/echo?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nX-Thing: v\r\n\r\nhello";
constexpr std::string_view chunked =
    "PUT /api/r HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
    "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\n\r\n";

TEST(RequestParser, ReadsARequestWhateverThePieces) {
  for (std::size_t step = 1; step <= with_length.size(); ++step) {
    RequestParser parser;
    auto body = parse(parser, with_length, step);
    ASSERT_TRUE(body) << step << body.error().message;
    EXPECT_EQ(*body, "hello");
    EXPECT_EQ(parser.head().verb, "POST");
    EXPECT_EQ(parser.head().path(), "/api/echo");
    EXPECT_EQ(parser.head().query(), "x=1");
    EXPECT_EQ(parser.head().header("x-thing"), "v");
    EXPECT_EQ(parser.head().content_length, 5u);
    EXPECT_TRUE(parser.head().keeps_alive);
  }
}

TEST(RequestParser, ReadsChunksWhateverThePieces) {
  for (std::size_t step = 1; step <= chunked.size(); ++step) {
    RequestParser parser;
    auto body = parse(parser, chunked, step);
    ASSERT_TRUE(body) << step << body.error().message;
    EXPECT_EQ(*body, "hello world");
    EXPECT_TRUE(parser.head().expects_continue);
    EXPECT_FALSE(parser.head().content_length);
  }
}

/// Beast ended the program when these came three and then one.
TEST(RequestParser, AnEmptyChunkedBodyMayComeInPieces) {
  constexpr std::string_view head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t first = 0; first <= 5; ++first)
    for (auto end : {std::string_view("0\r\n\r\n"), std::string_view("0\r\nA: b\r\n\r\n")}) {
      RequestParser parser;
      std::string_view bytes = head;
      ASSERT_TRUE(parser.feed_head(bytes));
      std::string body;
      auto buffer = std::string(end.substr(0, first));
      for (auto rest = end.substr(first); !parser.is_done(); rest.remove_prefix(1)) {
        bytes = buffer;
        ASSERT_TRUE(parser.feed_body(bytes, body));
        buffer.erase(0, buffer.size() - bytes.size());
        if (rest.empty()) break;
        buffer += rest.front();
      }
      bytes = buffer;
      ASSERT_TRUE(parser.feed_body(bytes, body));
      EXPECT_TRUE(parser.is_done()) << first << " " << end;
      EXPECT_EQ(body, "");
    }
}

TEST(RequestParser, LeavesTheNextRequestAlone) {
  RequestParser parser;
  std::string two = std::string(with_length) + "GET / HTTP/1.1\r\n\r\n";
  std::string_view bytes = two;
  std::string body;
  ASSERT_TRUE(*parser.feed_head(bytes));
  ASSERT_TRUE(parser.feed_body(bytes, body));
  EXPECT_EQ(bytes, "GET / HTTP/1.1\r\n\r\n");
  parser.reset();
  ASSERT_TRUE(*parser.feed_head(bytes));
  EXPECT_EQ(parser.head().target, "/");
  EXPECT_FALSE(parser.head().has_body);
}

TEST(RequestParser, KnowsAWebSocketUpgrade) {
  RequestParser parser;
  std::string_view bytes =
      "GET /api/events HTTP/1.1\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\r\n";
  ASSERT_TRUE(*parser.feed_head(bytes));
  EXPECT_TRUE(parser.head().is_upgrade);
}

TEST(RequestParser, RefusesWhatIsNoHttp) {
  for (std::string_view bad :
       {"\x16\x03\x01\x02\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n", "GET http://x/ HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        "POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
    RequestParser parser;
    auto body = parse(parser, bad, bad.size());
    ASSERT_FALSE(body) << bad;
    EXPECT_EQ(body.error().errc(), Errc::bad_request) << bad;
  }
}

// "xchunked" and "chunked, identity" were no body at all: what came as body was the next request.
TEST(RequestParser, TakesNoTransferCodingButChunked) {
  for (std::string_view coding :
       {"xchunked", "chunked, identity", "gzip, chunked", "identity", "chunked, chunked", "",
        "chunked;x=1", "chunked ,", "\"chunked\""}) {
    RequestParser parser;
    auto head = fmt::format(
        "POST /api/echo HTTP/1.1\r\nTransfer-Encoding: {}\r\n\r\n5\r\nhello\r\n0\r\n\r\n", coding);
    auto body = parse(parser, head, head.size());
    ASSERT_FALSE(body) << coding;
    EXPECT_TRUE(body.error().errc() == Errc::unsupported ||
                body.error().errc() == Errc::bad_request)
        << coding << ": " << body.error().text();
  }
  for (std::string_view coding : {"Chunked", "CHUNKED", " chunked\t"}) {
    RequestParser parser;
    auto head = fmt::format(
        "POST / HTTP/1.1\r\nTransfer-Encoding:{}\r\n\r\n5\r\nhello\r\n0\r\n\r\n", coding);
    EXPECT_EQ(*parse(parser, head, head.size()), "hello") << coding;
  }
}

TEST(RequestParser, LeavesNoDoubtAboutTheLengthOfABody) {
  for (std::string_view headers :
       {"Content-Length: 5\r\nContent-Length: 5\r\n", "Content-Length: 5, 5\r\n",
        "Content-Length: +5\r\n", "Content-Length: 0x5\r\n", "Content-Length: 5 5\r\n",
        "Content-Length:\r\n", "Content-Length: 99999999999999999999999\r\n",
        "Content-Length : 5\r\n", "Content-Length\t: 5\r\n", " Content-Length: 5\r\n",
        "X: a\r\n Content-Length: 5\r\n", "X: a\r\n\tb\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\n ,5\r\n", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding:\r\n chunked\r\n", "Content-Length: 5\nX: y\r\n", "X Y: 5\r\n"}) {
    for (std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{1000}}) {
      RequestParser parser;
      auto text = fmt::format("POST / HTTP/1.1\r\nHost: h\r\n{}\r\nhello", headers);
      auto body = parse(parser, text, step);
      ASSERT_FALSE(body) << headers;
      EXPECT_NE(body.error().errc(), Errc::unavailable) << headers << ": " << body.error().text();
    }
  }
  RequestParser parser;
  EXPECT_FALSE(
      parse(parser, "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 100));
}

TEST(RequestParser, BoundsHeadAndBody) {
  RequestParser head;
  std::string long_header = "GET / HTTP/1.1\r\nA: " + std::string(20000, 'x') + "\r\n\r\n";
  EXPECT_EQ(parse(head, long_header, 1000).error().errc(), Errc::too_large);
  RequestParser endless;
  EXPECT_EQ(parse(endless, std::string(20000, 'G'), 1000).error().errc(), Errc::too_large);
  RequestParser body;
  EXPECT_EQ(parse(body, chunked, 7, 10).error().errc(), Errc::too_large);
}

}  // namespace
}  // namespace muster::doors::rest
