#include "drivers/shell.h"

#include <gtest/gtest.h>

namespace muster::drivers {
namespace {

using End = CommandResult::End;

Command command(std::string script) {
  Command made;
  made.script = std::move(script);
  return made;
}

/// The secret word of a run's markers, as its shell would have it.
std::string token_of(const ShellRun& run) {
  const auto at = run.text().find("muster-");
  return run.text().substr(at, 7 + 32);
}

Result<CommandResult> heard(ShellRun& run, const std::string& printed) {
  run.feed(printed);
  return run.finish(std::chrono::milliseconds(5));
}

TEST(ShellRun, TakesTheOutputBetweenTheMarkers) {
  auto run = *ShellRun::prepare(command("true"));
  const auto token = token_of(run);
  auto result = heard(run, "Welcome to this host!\n\n" + token +
                               " begin\nhello\nmuster-x exit 1\n\n" + token + " exit 0\n");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->succeeded());
  EXPECT_EQ(result->output, "hello\nmuster-x exit 1\n");
}

TEST(ShellRun, KnowsItsEndWhicheverWayTheBytesCome) {
  auto run = *ShellRun::prepare(command("true"));
  const auto token = token_of(run);
  const auto printed = "\n" + token + " begin\nout\n" + token + " exit 7\n";
  for (std::size_t i = 0; i < printed.size(); ++i)
    EXPECT_EQ(run.feed(printed.substr(i, 1)), i + 1 == printed.size()) << i;
  auto result = run.finish({});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->code, 7);
  EXPECT_EQ(result->output, "out");
}

// What a host repeats of the script was in the error: variables with the family's cookie.
TEST(ShellRun, AHostThatRepeatsTheScriptShowsNoSecretOfIt) {
  auto prepared = [] {
    auto with_secret = command("true");
    with_secret.secrets.emplace("COOKIE", Secret("open-sesame-please"));
    return *ShellRun::prepare(std::move(with_secret));
  };
  auto whole = prepared(), exports = prepared(), refused = prepared();
  ASSERT_NE(whole.text().find("open-sesame-please"), std::string::npos);
  auto shown = [](ShellRun& run, const std::string& said) {
    auto result = heard(run, said);
    return result ? "a result" : result.error().message;
  };
  EXPECT_EQ(shown(whole, whole.text()).find("open-sesame"), std::string::npos);
  EXPECT_EQ(shown(exports, "export COOKIE='open-sesame-please'\n"),
            "no shell there: export COOKIE='********'\n");
  EXPECT_EQ(shown(refused, "\n" + token_of(refused) + " nofile open-sesame-please\n"),
            "no place for the command's output: ********\n");
}

TEST(ShellRun, WithoutOutputIsEmpty) {
  auto run = *ShellRun::prepare(command("true"));
  const auto token = token_of(run);
  auto result = heard(run, "\n" + token + " begin\n\n" + token + " exit 0\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "");
}

TEST(ShellRun, WithoutItsLastMarkerIsAnError) {
  auto run = *ShellRun::prepare(command("true"));
  const auto token = token_of(run);
  auto result = heard(run, "\n" + token + " begin\nhalf of the out");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::unavailable);
  auto cut = *ShellRun::prepare(command("true"));
  EXPECT_FALSE(heard(cut, "\n" + token_of(cut) + " begin\n\n" + token_of(cut) + " exi"));
}

TEST(ShellRun, WithoutAShellSaysWhatWasPrintedInstead) {
  auto run = *ShellRun::prepare(command("true"));
  auto result = heard(run, "This account is currently not available.\n");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("not available"), std::string::npos);
}

TEST(ShellRun, CannotBeToldItsEndByTheCommand) {
  auto run = *ShellRun::prepare(command("true"));
  EXPECT_FALSE(run.feed("\nmuster-00000000000000000000000000000000 exit 0\n"));
  EXPECT_FALSE(heard(run, ""));
}

TEST(ShellRun, TellsSignalsAndLimits) {
  auto killed = *ShellRun::prepare(command("true"));
  auto result =
      heard(killed, "\n" + token_of(killed) + " begin\n\n" + token_of(killed) + " exit 137\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->end, End::signalled);
  EXPECT_EQ(result->code, 9);
  EXPECT_EQ(result->how(), "killed by signal 9");
  auto late = *ShellRun::prepare(command("true"));
  result = heard(late, "\n" + token_of(late) + " begin\nsome\n" + token_of(late) + " limit 0\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->end, End::timed_out);
  EXPECT_EQ(result->output, "some");
}

TEST(ShellRun, SaysThatThereIsNoPlaceForTheOutput) {
  auto run = *ShellRun::prepare(command("true"));
  auto result = heard(run, "\n" + token_of(run) + " nofile mktemp: No space left on device\n");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().errc(), Errc::quota);
  EXPECT_NE(result.error().message.find("No space left"), std::string::npos);
}

TEST(ShellRun, BlanksSecretsInTheOutput) {
  auto made = command("true");
  made.secrets = {{"COOKIE", Secret("abc")}, {"EMPTY", Secret("")}};
  auto run = *ShellRun::prepare(std::move(made));
  auto result = heard(run, "\n" + token_of(run) + " begin\n-setcookie abc -x abcabc\n\n" +
                               token_of(run) + " exit 0\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "-setcookie ******** -x ****************\n");
}

TEST(ShellRun, BlanksHiddenValuesThatAreNoVariables) {
  auto made = command("true");
  made.secrets = {{"COOKIE", Secret("abc")}};
  made.hidden = {Secret("xabcx")};
  auto run = *ShellRun::prepare(std::move(made));
  EXPECT_EQ(run.text().find("xabcx"), std::string::npos);
  auto result =
      heard(run, "\n" + token_of(run) + " begin\nxabcx abc\n\n" + token_of(run) + " exit 0\n");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->output, "******** ********\n");
}

TEST(ShellRun, RefusesVariablesThatAreNone) {
  for (const char* name : {"", "1A", "A B", "A=B", "A-B", "A;rm"}) {
    auto made = command("true");
    made.env[name] = "x";
    EXPECT_FALSE(ShellRun::prepare(std::move(made))) << name;
  }
  auto made = command("true");
  made.secrets.emplace("A\n", Secret("x"));
  EXPECT_FALSE(ShellRun::prepare(std::move(made)));
  EXPECT_FALSE(ShellRun::prepare(command(std::string("a\0b", 3))));
}

TEST(ShellRun, ForgetsWhatIsFarTooMuch) {
  auto made = command("true");
  made.output_limit = 10;
  auto run = *ShellRun::prepare(std::move(made));
  for (int i = 0; i < 1000; ++i) run.feed(std::string(10'000, 'x'));
  EXPECT_FALSE(run.finish({}));
}

TEST(Quote, KeepsEveryTextOneWord) {
  EXPECT_EQ(quote("a b"), "'a b'");
  EXPECT_EQ(quote("it's"), "'it'\\''s'");
  EXPECT_EQ(quote(""), "''");
}

TEST(LastLines, ArePrintableAndWhole) {
  EXPECT_EQ(last_lines("a\tb\nc\n\n", 100), "a\tb\nc");
  EXPECT_EQ(last_lines("\x1b[31mred\r\n", 100), "\xef\xbf\xbd[31mred");
  EXPECT_EQ(last_lines("first line\nsecond\n", 12), "second");
  EXPECT_EQ(last_lines(std::string(100, 'x') + "\xe2\x82\xac" + std::string(7, 'y'), 9),
            std::string(7, 'y'));  // half a character at the cut
}

}  // namespace
}  // namespace muster::drivers
