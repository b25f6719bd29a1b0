#include "services/notifications/entry_reader.h"

#include <gtest/gtest.h>

#include "etf/utf8.h"

namespace muster::notifications {
namespace {

using etf::atom;
using etf::binary;
using etf::Term;

etf::Map map(std::initializer_list<std::pair<const char*, Term>> pairs) {
  etf::Map map;
  for (auto& [key, value] : pairs) map.pairs.emplace_back(atom(key), value);
  return map;
}

Term crash() {
  return map({{"at", std::int64_t{1'795'248'930'123'456}},
              {"severity", atom("error")},
              {"source", atom("sasl")},
              {"kind", atom("crash_report")},
              {"text", binary("boom")},
              {"pid", binary("<0.120.0>")},
              {"mfa", etf::tuple(atom("shop"), atom("handle_call"), 3)},
              {"application", atom("undefined")},
              {"report", etf::list(etf::tuple(atom("label"), 1))}});
}

AgentMessage read(std::initializer_list<Term> entries) {
  etf::List list;
  list.elements = entries;
  return read_message(map({{"entries", std::move(list)}}));
}

// A node could say "muster: this node is DOWN", which was shown as the daemon's word.
TEST(EntryReader, TheDaemonsOwnSourceIsNoNodesToUse) {
  auto entry = crash();
  for (auto& [key, value] : entry.get_if<etf::Map>()->pairs)
    if (key.is_atom("source")) value = atom("muster");
  EXPECT_EQ(read({entry}).entries.at(0).source, "unknown");
}

TEST(EntryReader, ReadsWhatAnAgentSends) {
  auto message = read({crash()});
  ASSERT_EQ(message.entries.size(), 1u);
  auto& entry = message.entries[0];
  EXPECT_EQ(entry.node_at_us, 1'795'248'930'123'456);
  EXPECT_EQ(entry.severity, Severity::error);
  EXPECT_EQ(entry.source, "sasl");
  EXPECT_EQ(entry.kind, "crash_report");
  EXPECT_EQ(entry.text, "boom");
  EXPECT_EQ(entry.pid, "<0.120.0>");
  EXPECT_EQ(entry.mfa, "shop:handle_call/3");
  EXPECT_EQ(entry.application, "");
  EXPECT_FALSE(entry.report.empty());
  EXPECT_EQ(message.unreadable, 0u);
}

TEST(EntryReader, CountsWhatIsNoEntryAndKeepsTheRest) {
  auto message = read({crash(), atom("nonsense"), map({{"text", binary("no severity")}}),
                       map({{"severity", atom("error")}}), 17, crash()});
  EXPECT_EQ(message.entries.size(), 2u);
  EXPECT_EQ(message.unreadable, 4u);
  EXPECT_EQ(read_message(atom("nonsense")).unreadable, 1u);
  EXPECT_EQ(read_message(map({{"entries", 1}})).unreadable, 1u);
}

TEST(EntryReader, CutsLongTextBetweenCharactersAndLeavesOutLongReports) {
  std::string text = "x";
  while (text.size() < 20'000) text += "ä";
  auto message = read({map({{"severity", atom("info")},
                            {"text", binary(text)},
                            {"kind", binary(std::string(1000, 'k'))},
                            {"report", binary(std::string(100'000, 'r'))}})});
  ASSERT_EQ(message.entries.size(), 1u);
  auto& entry = message.entries[0];
  EXPECT_EQ(entry.text.size(), 8191u);
  EXPECT_TRUE(etf::is_utf8(entry.text));
  EXPECT_EQ(entry.kind.size(), 64u);
  EXPECT_TRUE(entry.report.empty());
}

TEST(EntryReader, MakesTextThatCanBeShown) {
  auto message = read({map({{"severity", atom("info")},
                            {"text", binary("a\x1b[31mb\nc\td \xc2\x9b caf\xe9")},
                            {"kind", binary("two\nlines")}})});
  ASSERT_EQ(message.entries.size(), 1u);
  const std::string mark = "\xef\xbf\xbd";
  EXPECT_EQ(message.entries[0].text, "a" + mark + "[31mb\nc\td " + mark + " caf" + mark);
  EXPECT_EQ(message.entries[0].kind, "two lines");
}

TEST(EntryReader, ReadsWhatTheAgentDropped) {
  auto message = read_message(map(
      {{"dropped", map({{"logger", 12}, {"sasl", 0}, {"lager", -3}, {"other", atom("many")}})}}));
  ASSERT_EQ(message.dropped.size(), 1u);
  EXPECT_EQ(message.dropped[0].first, "logger");
  EXPECT_EQ(message.dropped[0].second, 12u);
}

TEST(EntryReader, DoesNotBelieveWildTimesAndFunctions) {
  auto message =
      read({map({{"severity", atom("info")}, {"text", binary("x")}, {"at", -5}, {"mfa", 3}}),
            map({{"severity", atom("info")}, {"text", binary("x")}, {"at", INT64_MAX}})});
  ASSERT_EQ(message.entries.size(), 2u);
  EXPECT_EQ(message.entries[0].node_at_us, 0);
  EXPECT_EQ(message.entries[1].node_at_us, 0);
  EXPECT_EQ(message.entries[0].mfa, "");
}

}  // namespace
}  // namespace muster::notifications
