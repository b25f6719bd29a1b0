#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "cli/arguments.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/follow.h"
#include "cli/render.h"
#include "tests/unit/support/temporary_folder.h"

namespace muster::cli {
namespace {

ops::Help operation(std::string verb, std::string path, bool upload = false) {
  return {"s.op",
          "Does it",
          std::move(verb),
          std::move(path),
          ops::Role::admin,
          upload,
          {{"id", "text", true, "which"},
           {"tags", "list of text", false, ""},
           {"data", "bytes", false, ""}}};
}

using Words = std::vector<std::string>;

class CliTest : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    std::ofstream(dir_ / name) << text;
    return (dir_ / name).string();
  }
  /// As a daemon that works there does, for as long as the result lives.
  std::shared_ptr<int> hold_lock() {
    int lock = ::open(file("lock", "").c_str(), O_RDWR | O_CLOEXEC);
    EXPECT_EQ(::flock(lock, LOCK_EX), 0);
    return {new int(lock), [](int* held) {
              ::close(*held);
              delete held;
            }};
  }
  test::TemporaryFolder temporary_;
  const std::filesystem::path dir_ = temporary_.path;
};

TEST_F(CliTest, WordsBecomeABody) {
  auto request = build_request(operation("POST", "/api/x/:id/y"),
                               {"id=a b/c", "n=5", "tags=a,b", "deep:={\"k\":[1]}"});
  ASSERT_TRUE(request) << request.error().message;
  EXPECT_EQ(request->target, "/api/x/a%20b%2Fc/y");
  EXPECT_EQ(json::parse(*request->body),
            json::parse(R"({"n":"5","tags":["a","b"],"deep":{"k":[1]}})"));
}

TEST_F(CliTest, WordsBecomeAQuery) {
  auto request = build_request(operation("GET", "/api/x"), {"id=1&2", "tags=a,b", "n:=7"});
  ASSERT_TRUE(request);
  EXPECT_EQ(request->target, "/api/x?id=1%262&tags=a%2Cb&n=7");
  EXPECT_FALSE(request->body);
}

TEST_F(CliTest, FilesAreTextBytesArgumentsOrUploads) {
  auto text = file("t", "hello");
  auto all = file("j", R"({"id":"7","n":1})");
  auto request = build_request(operation("POST", "/api/x"), {"id=@" + text, "data=@" + text});
  EXPECT_EQ(json::parse(*request->body), json::parse(R"({"id":"hello","data":"aGVsbG8="})"));
  request = build_request(operation("POST", "/api/x/:id"), {"@" + all});
  EXPECT_EQ(request->target, "/api/x/7");
  EXPECT_EQ(*request->body, R"({"n":1})");
  request = build_request(operation("POST", "/api/x"), {"@" + file("a", "[1]")});
  EXPECT_EQ(*request->body, "[1]");
  request = build_request(operation("PUT", "/api/x/:id", true), {"id=7", "@" + text});
  EXPECT_EQ(request->upload, std::filesystem::path(text));
}

TEST_F(CliTest, SaysWhatItCannotUnderstand) {
  auto message = [](auto words, std::string verb = "POST", bool upload = false) {
    auto request = build_request(operation(verb, "/api/x/:id", upload), words);
    return request ? "fine" : request.error().message;
  };
  EXPECT_THAT(message(Words{"id"}), testing::HasSubstr("'id': wanted key=value"));
  EXPECT_THAT(message(Words{}), testing::HasSubstr("'id' is required"));
  EXPECT_THAT(message(Words{"id=1", "id=2"}), testing::HasSubstr("given twice"));
  EXPECT_THAT(message(Words{"id:={"}), testing::HasSubstr("id is no JSON"));
  EXPECT_THAT(message(Words{"id=@/none"}), testing::HasSubstr("cannot read /none"));
  EXPECT_THAT(message(Words{"id=1"}, "PUT", true), testing::HasSubstr("needs @file"));
  EXPECT_EQ(build_request(operation("", ""), {}).error().errc(), Errc::unsupported);
}

TEST_F(CliTest, FindsTheDaemonByOptionsEnvironmentAndDataDirectory) {
  ::unsetenv("MUSTER_URL");
  ::unsetenv("MUSTER_TOKEN");
  EXPECT_EQ(find_target({}, dir_).error().errc(), Errc::unavailable);
  file("api.url", "http://127.0.0.1:7\n");
  EXPECT_EQ(find_target({}, dir_).error().errc(), Errc::unavailable)
      << "whoever listens there, it is not the daemon";
  auto lock = hold_lock();
  EXPECT_EQ(find_target({}, dir_).error().errc(), Errc::unauthorized);
  file("api.token", "local\n");
  auto target = find_target({}, dir_);
  EXPECT_EQ(target->url, "http://127.0.0.1:7");
  EXPECT_EQ(target->token.reveal(), "local");
  ::setenv("MUSTER_URL", "https://env/", 1);
  ::setenv("MUSTER_TOKEN", "env", 1);
  EXPECT_EQ(find_target({}, dir_)->url, "https://env");
  EXPECT_EQ(find_target({}, dir_)->token.reveal(), "env");
  TargetOptions given{"https://given", file("t", "given"), "", ""};
  EXPECT_EQ(find_target(given, dir_)->url, "https://given");
  EXPECT_EQ(find_target(given, dir_)->token.reveal(), "given");
  ::unsetenv("MUSTER_URL");
  ::unsetenv("MUSTER_TOKEN");
}

/// Each fails with what it looked for in the directory that it was given.
TEST_F(CliTest, EveryCommandTakesTheDataDirectory) {
  ::unsetenv("MUSTER_URL");
  ::unsetenv("MUSTER_TOKEN");
  for (const Words& words : {Words{"ops"}, {"call", "muster.help"}, {"events"}, {"openapi"}}) {
    for (const auto& [place, given] :
         {std::pair{dir_ / "given", true}, {std::filesystem::path("/usual"), false}}) {
      int exit_code = 0;
      CLI::App app;
      add_commands(app, exit_code, [] { return std::filesystem::path("/usual"); });
      auto line = words;
      if (given) line.insert(line.end(), {"--data-dir", place.string()});
      std::reverse(line.begin(), line.end());
      testing::internal::CaptureStderr();
      app.parse(line);
      EXPECT_THAT(testing::internal::GetCapturedStderr(),
                  testing::HasSubstr((place / "api.url").string()))
          << words.front();
      EXPECT_EQ(exit_code, exit_code_of(Errc::unavailable));
    }
  }
}

TEST_F(CliTest, TheLocalTokenGoesToTheLocalDaemonOnly) {
  ::unsetenv("MUSTER_URL");
  ::unsetenv("MUSTER_TOKEN");
  file("api.url", "http://127.0.0.1:8080\n");
  file("api.token", "local\n");
  auto lock = hold_lock();
  auto sent_to = [&](const std::string& url) {
    auto target = find_target({url, "", "", ""}, dir_);
    return target && target->token.reveal() == "local";
  };
  for (auto* own : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://localhost:8080",
                    "http://[::1]:8080", "http://127.0.0.2:8080"})
    EXPECT_TRUE(sent_to(own)) << own;
  for (auto* other :
       {"http://stranger", "https://stranger:8080", "http://127.0.0.1:8081", "http://10.0.0.1:8080",
        "http://127.0.0.1.stranger:8080", "http://localhost.stranger:8080",
        "http://127.0.0.1:8080@stranger", "http://localhost:8080#@stranger", "stranger:8080",
        "http://127.0.0.1:8080\\@stranger", "ftp://127.0.0.1:8080", "http://"})
    EXPECT_FALSE(sent_to(other)) << other;
}

TEST_F(CliTest, ATokenGoesToOtherHostsOnlyEncryptedOrWhereItIsSaidToBeFine) {
  ::unsetenv("MUSTER_URL");
  ::unsetenv("MUSTER_TOKEN");
  TargetOptions options{"http://other:8080", file("t", "given"), "", ""};
  EXPECT_EQ(find_target(options, dir_).error().errc(), Errc::forbidden);
  options.is_insecure = true;
  EXPECT_EQ(find_target(options, dir_)->token.reveal(), "given");
  options = {"https://other:8080", file("t", "given"), "", ""};
  EXPECT_TRUE(find_target(options, dir_));
  options.url = "http://127.0.0.1:9";
  EXPECT_TRUE(find_target(options, dir_)) << "it does not leave this host";
}

TEST(Render, ListsAreTables) {
  EXPECT_EQ(
      render(json::parse(R"({"items":[{"id":"1","n":"ä"},{"id":"22","x":true}],"next":"22"})")),
      "id  n  x\n1   ä\n22     true\nmore: after=22\n");
  EXPECT_EQ(render(json::parse(R"({"items":[]})")), "none\n");
  EXPECT_EQ(render(json::parse(R"({"a":1,"bcd":{"x":[]}})")), "a:    1\nbcd:  {\"x\":[]}\n");
  EXPECT_EQ(render(json::parse(R"("text")")), "text\n");
}

// 4,000 rows with a column each, 55 KB of JSON, were a table of 584 MB.
TEST(Render, ATableThatWouldBeTooLargeIsJson) {
  auto rows_with_a_column_each = [](std::size_t count) {
    json::array items;
    for (std::size_t i = 0; i < count; ++i)
      items.push_back(json::object{{fmt::format("k{}", i), 1}});
    return items;
  };
  auto wide = rows_with_a_column_each(101);
  EXPECT_EQ(render(wide), json::serialize(wide) + '\n');
  EXPECT_EQ(render(json::object{{"items", wide}, {"next", "7"}}),
            json::serialize(wide) + "\nmore: after=7\n");
  EXPECT_EQ(render(json::object{{"x", wide}}), "\nx:\n" + json::serialize(wide) + '\n');
  EXPECT_THAT(render(rows_with_a_column_each(100)), testing::StartsWith("k0  k1  k2"));

  auto names = rows_with_a_column_each(100);
  json::array long_one(10'001, json::object());
  std::copy(names.begin(), names.end(), long_one.begin());
  EXPECT_EQ(render(long_one), json::serialize(long_one) + '\n');
}

// One long cell made every row as long.
TEST(Render, ALongCellDoesNotMakeAllRowsLong) {
  std::string name(1'000'000, 'x');
  std::vector<Words> rows{{name, "1"}};
  rows.resize(1000, {"y", "2"});
  auto text = columns(rows);
  EXPECT_LT(text.size(), 1'010'000u);
  EXPECT_THAT(text, testing::EndsWith("\ny  2\ny  2\n"));
}

TEST(Render, KeepsControlCharactersFromTheTerminal) {
  EXPECT_EQ(render(json::value{{"a", "x\x1b[31m"}}), "a:  x\xef\xbf\xbd[31m\n");
}

TEST(Render, ShowsAnOperationWithItsArguments) {
  auto text = render_operation(operation("POST", "/api/x"));
  EXPECT_THAT(text, testing::HasSubstr("s.op: Does it\nPOST /api/x\n"));
  EXPECT_THAT(text, testing::HasSubstr("  id    text          required  which\n"));
}

TEST(Render, TheListOfOperationsHasARowForEach) {
  EXPECT_THAT(render_operations_page({operation("POST", "/api/x"), operation("", "")}),
              testing::EndsWith("|---|---|---|---|\n| `s.op` | admin | `POST /api/x` | Does it |\n"
                                "| `s.op` | admin |  | Does it |\n"));
}

TEST(Render, PrettyIsSortedAndStable) {
  EXPECT_EQ(pretty(json::parse(R"({"b":[1,{}],"a":[]})")),
            "{\n  \"a\": [],\n  \"b\": [\n    1,\n    {}\n  ]\n}");
}

TEST(Problems, BecomeErrorsAndExitCodes) {
  Answer answer{404, "", json::parse(R"({"code":"not_found","detail":"no node 'x'"})")};
  auto error = succeeded(answer).error();
  EXPECT_EQ(error.errc(), Errc::not_found);
  EXPECT_EQ(error.message, "no node 'x'");
  EXPECT_EQ(exit_code_of(Errc::not_found), 4);
  EXPECT_EQ(succeeded({502, "proxy", nullptr}).error().message, "HTTP status 502");
  EXPECT_TRUE(succeeded({204, "", nullptr}));
}

TEST(Problems, AnAnswerThatCannotBeReadIsOne) {
  EXPECT_FALSE(succeeded({200, "{\"a\":", nullptr}));
  EXPECT_FALSE(succeeded({200, "", nullptr}));
  EXPECT_TRUE(succeeded({200, "null", nullptr, true}));
  EXPECT_FALSE(succeeded({302, "<html>", nullptr})) << "redirects are not followed";
}

json::object event(std::string id, std::string state) {
  return {{"topic", "topology.node_state"}, {"data", {{"id", id}, {"state", state}}}};
}

TEST(StateWait, EndsWhenAllRowsAreThere) {
  StateWait wait(json::parse(R"({"items":[{"id":"1","state":"UNINIT"},{"id":"2","state":"UP"}]})"),
                 "UP");
  EXPECT_FALSE(wait.is_over());
  EXPECT_FALSE(wait.take(event("3", "UP")));
  EXPECT_TRUE(wait.take(event("1", "STOPPED")));
  EXPECT_FALSE(wait.is_over());
  wait.take(event("1", "UP"));
  EXPECT_TRUE(wait.is_over());
  EXPECT_FALSE(wait.has_failed());
}

TEST(StateWait, ANodeThatIsToBeRestartedIsNotThereBecauseItIsStillUp) {
  StateWait wait(json::parse(R"([{"id":"1","state":"UP","goal":"restarted"}])"), "UP");
  EXPECT_FALSE(wait.is_over());
  wait.take(event("1", "DOWN"));
  EXPECT_FALSE(wait.is_over());
  wait.take(event("1", "UP"));
  EXPECT_TRUE(wait.is_over());
}

TEST(StateWait, AnErrorFailsIt) {
  StateWait wait(json::parse(R"([{"id":"1","state":"UNINIT"}])"), "UP");
  wait.take(event("1", "ERROR"));
  EXPECT_TRUE(wait.is_over());
  EXPECT_TRUE(wait.has_failed());
}

TEST(StateWait, RowsTellWhereEventsAreLost) {
  StateWait wait(json::parse(R"([{"id":"1","state":"DOWN"},{"id":"2","state":"DOWN"},
                                 {"id":"3","state":"UP","goal":"restarted"}])"),
                 "UP");
  wait.look({{"id", "1"}, {"state", "UP"}});
  wait.look({{"id", "3"}, {"state", "UP"}, {"goal", "restarted"}});
  EXPECT_THAT(wait.waiting(), testing::ElementsAre("2", "3"));
  wait.look({{"id", "3"}, {"state", "UP"}, {"goal", "running"}});
  EXPECT_FALSE(wait.has_failed());
  wait.gone("2");
  EXPECT_TRUE(wait.is_over());
  EXPECT_TRUE(wait.has_failed());
}

TEST(StateWait, OnlyNodesAreWaitedFor) {
  EXPECT_TRUE(rows_with_state(json::parse(R"({"id":"1","state":"stored"})")).empty());
  EXPECT_TRUE(rows_with_state(json::parse(R"({"items":[]})")).empty());
  EXPECT_EQ(rows_with_state(json::parse(R"({"id":"1","state":"ERROR"})")).size(), 1U);
}

}  // namespace
}  // namespace muster::cli
