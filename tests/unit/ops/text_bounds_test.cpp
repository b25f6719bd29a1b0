#include "ops/text_bounds.h"

#include <gtest/gtest.h>

#include "ops/table.h"
#include "tests/unit/support/loop.h"

namespace muster::ops {
namespace {

struct Strategy {
  std::string cmd;
  std::vector<std::string> args;
  std::optional<std::string> note;
};
BOOST_DESCRIBE_STRUCT(Strategy, (), (cmd, args, note))

struct Make {
  std::optional<std::string> description, start_cmd;
  std::optional<std::vector<std::string>> tags;
  std::optional<Strategy> strategy;
  std::optional<std::map<std::string, Secret>> env;
  std::optional<json::value> servers;
};
BOOST_DESCRIBE_STRUCT(Make, (), (description, start_cmd, tags, strategy, env, servers))

/// The field that is too large, or nothing.
std::string refused(json::value request) {
  asio::io_context io;
  Row row{"s", "make", {"POST", "/make"}, Role::viewer, "…"};
  auto handler = [](Make, Caller) { return Result<Empty>(Empty{}); };
  Table table;
  table.add(immediate_operation<Make, Empty>(std::move(row), handler));
  Caller caller;
  caller.role = Role::admin;
  auto reply = test::finish(io, table.find("s", "make")->call(std::move(request), caller));
  if (reply) return {};
  EXPECT_EQ(reply.error().errc(), Errc::too_large) << reply.error().text();
  return reply.error().field;
}

const std::string fits(longest_text, 'x'), is_long(longest_text + 1, 'x');

TEST(TextBounds, ATextHasAnEndWhereverItIs) {
  EXPECT_EQ(refused({{"description", fits}, {"tags", {fits, fits}}}), "");
  EXPECT_EQ(refused({{"description", is_long}}), "/description");
  EXPECT_EQ(refused({{"tags", {"a", is_long}}}), "/tags/1");
  EXPECT_EQ(refused({{"strategy", {{"cmd", "c"}, {"note", is_long}}}}), "/strategy/note");
}

TEST(TextBounds, CommandsSecretsAndStructureMayBeLonger) {
  EXPECT_EQ(refused({{"start_cmd", is_long},
                     {"strategy", {{"cmd", is_long}, {"args", {is_long, "b"}}}},
                     {"env", {{"KEY", is_long}}},
                     {"servers", {{"key", is_long}, {"host", "h"}}}}),
            "");
}

}  // namespace
}  // namespace muster::ops
