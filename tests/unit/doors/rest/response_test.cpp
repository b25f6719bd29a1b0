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

}  // namespace
}  // namespace muster::doors::rest
