// Answers that say no.
#include "doors/rest/response.h"

#include <gmock/gmock.h>

namespace muster::doors::rest {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(Response, WhatIsUnavailableSaysWhenToAskAgain) {
  auto response = problem_response(Error(Errc::unavailable, "4 scrapes are under way"));
  EXPECT_EQ(response.status, 503);
  EXPECT_THAT(response.head(true), HasSubstr("\r\nRetry-After: 5\r\n"));
  EXPECT_THAT(response.body, HasSubstr("4 scrapes are under way"));
}

TEST(Response, OtherErrorsDoNotAskToTryAgain) {
  for (auto code : {Errc::bad_request, Errc::conflict, Errc::internal, Errc::quota})
    EXPECT_THAT(problem_response(Error(code, "no")).head(true), Not(HasSubstr("Retry-After")));
}

ops::Reply reply_of(std::size_t count) {
  auto list = std::make_shared<std::vector<std::string>>(count, std::string(1000, 'x'));
  return {list, &ops::type_of<std::vector<std::string>>()};
}

TEST(Response, OfALongListIsMadeInPieces) {
  auto response = json_response(200, reply_of(1000));
  EXPECT_TRUE(response.is_streamed);
  ASSERT_TRUE(response.more);
  EXPECT_GE(response.body.size(), piece_size);
  EXPECT_LT(response.body.size(), piece_size + 2000);
  response.is_chunked = true;
  EXPECT_THAT(response.head(true), HasSubstr("\r\nTransfer-Encoding: chunked\r\n"));
  EXPECT_THAT(response.head(true), Not(HasSubstr("Content-Length")));
}

TEST(Response, OfAShortListIsWhole) {
  auto response = json_response(200, reply_of(10));
  EXPECT_FALSE(response.is_streamed || response.more);
  EXPECT_THAT(response.head(true), HasSubstr("\r\nContent-Length: 10031\r\n"));
}

}  // namespace
}  // namespace muster::doors::rest
