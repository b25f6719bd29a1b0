#include "doors/rest/server.h"

#include <gtest/gtest.h>

namespace muster::doors::rest {
namespace {

// An api.url of http://0.0.0.0:8080 is no local one to the command line, which would send its token
// to the proxy of the environment.
TEST(Server, OnAnyAddressIsFoundAtLoopbackByLocalClients) {
  auto at = [](const char* address) {
    return boost::asio::ip::tcp::endpoint(boost::asio::ip::make_address(address), 8080);
  };
  EXPECT_EQ(url_of(at("0.0.0.0"), false, true), "http://127.0.0.1:8080");
  EXPECT_EQ(url_of(at("::"), true, true), "https://[::1]:8080");
  EXPECT_EQ(url_of(at("10.0.0.7"), false, true), "http://10.0.0.7:8080");
  EXPECT_EQ(url_of(at("0.0.0.0"), false, false), "http://0.0.0.0:8080");
}

// commands.run was cut after 300 s, and it promises an hour.
TEST(Server, SetsNoTimeLimitForAnOperationThatLimitsItself) {
  auto limit = [](ops::Row row) {
    std::function<Result<ops::Empty>(ops::Empty, ops::Caller)> handler =
        [](ops::Empty, ops::Caller) { return ops::Empty{}; };
    return time_limit(ops::immediate_operation<ops::Empty, ops::Empty>(std::move(row), handler),
                      {});
  };
  ops::Row row{"s", "o", {"POST", "/x"}, ops::Role::viewer, "Does it"};
  EXPECT_EQ(limit(row), std::chrono::seconds(300));
  row.limits_itself = true;
  EXPECT_FALSE(limit(row));
}

}  // namespace
}  // namespace muster::doors::rest
