#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "etf/utf8.h"
#include "services/metrics/combine.h"
#include "services/metrics/exposition.h"
#include "services/metrics/intervals.h"
#include "services/metrics/sample_reader.h"

namespace muster::metrics {
namespace {

using etf::atom;
using etf::binary;
using etf::Map;
using etf::Term;
using testing::HasSubstr;
using testing::Not;

Term message(Map values) {
  Map map;
  map.pairs = {{atom("at"), std::int64_t{1'700'000'000'123}},
               {atom("interval_ms"), 60'000},
               {atom("values"), std::move(values)}};
  return map;
}

Term map_of(std::vector<std::pair<Term, Term>> pairs) {
  Map map;
  map.pairs = std::move(pairs);
  return map;
}

class Read : public testing::Test {
 protected:
  /// "name{labels}part" => value as text
  std::map<std::string, std::string> read(const Term& term) {
    std::map<std::string, std::string> values;
    reading = reader.read(term, 1);
    for (auto& sample : reading.samples) {
      auto& series = dictionary.series_of(sample.series);
      auto number = sample.number();
      values[series.name + "{" + series.labels + "}" + series.part] =
          number.is_real ? std::to_string(number.real()) : std::to_string(number.integer());
    }
    return values;
  }
  Dictionary dictionary;
  SampleReader reader{dictionary};
  Reading reading;
};

TEST_F(Read, FindsPlainAndLabelledValuesByTheCataloguesPaths) {
  Map values;
  values.pairs = {
      {atom("memory"), map_of({{atom("total"), std::int64_t{1} << 40}, {atom("new_kind"), 1}})},
      {atom("process_count"), 77},
      {atom("scheduler_utilization"), 0.25},
      {atom("scheduler_wall_time"),
       map_of({{1, map_of({{atom("active"), 10}, {atom("total"), 20}})},
               {2, map_of({{atom("active"), 11}, {atom("total"), 21}})}})},
      {atom("dist"), map_of({{atom("a@\"b\""), map_of({{atom("queue_size"), 5}})}})},
      {atom("run_queue"), atom("not_a_number")},
      {atom("never_heard_of"), 1}};
  auto found = read(message(std::move(values)));
  EXPECT_EQ(reading.node_at, 1'700'000'000'123);
  EXPECT_EQ(found["memory.total{}"], std::to_string(std::int64_t{1} << 40));
  EXPECT_EQ(found["processes.count{}"], "77");
  EXPECT_EQ(found["scheduler.utilization{}"], "0.250000");
  EXPECT_EQ(found["scheduler.active{scheduler=\"2\"}"], "11");
  EXPECT_EQ(found["dist.queue{peer=\"a@\\\"b\\\"\"}"], "5");
  EXPECT_EQ(found.size(), 8u);
}

TEST_F(Read, LibrariesMetricsHaveTheirKindAndAHistogramItsParts) {
  Map values;
  auto name = etf::list(atom("web"), atom("hits"));
  values.pairs = {
      {atom("user"), etf::list(etf::tuple(atom("folsom"), name, atom("counter"), 5),
                               etf::tuple(atom("folsom"), atom("wait"), atom("histogram"),
                                          map_of({{atom("p99"), 9.5}, {atom("n"), 3}})),
                               atom("garbage"), etf::tuple(1, 2))}};
  auto found = read(message(std::move(values)));
  EXPECT_EQ(found["folsom.web.hits{}"], "5");
  EXPECT_EQ(found["folsom.wait{}p99"], "9.500000");
  EXPECT_EQ(found["folsom.wait{}n"], "3");
  EXPECT_EQ(dictionary.series_of(dictionary.of_metric("folsom.wait")[0]).kind, "histogram");
}

TEST_F(Read, WhatIsNoMessageIsNothing) {
  EXPECT_TRUE(read(atom("x")).empty());
  EXPECT_TRUE(read(map_of({{atom("values"), 5}})).empty());
  EXPECT_TRUE(read(map_of({})).empty());
}

TEST_F(Read, AMessageBringsSoManyAndNoMore) {
  std::vector<std::pair<Term, Term>> queues;
  for (int i = 0; i < 6000; ++i) queues.emplace_back(binary("p" + std::to_string(i)), i);
  Map values;
  values.pairs = {{atom("queues"), map_of(std::move(queues))}};
  read(message(std::move(values)));
  EXPECT_EQ(reading.samples.size(), SampleReader::most_samples);
  EXPECT_EQ(reading.left_out, 1000u);
  EXPECT_EQ(dictionary.newest(), SampleReader::most_samples) << "a name without a sample stays";
}

TEST_F(Read, LabelsAreUtf8WhateverCame) {
  auto peer = [](std::string name) {
    etf::Map inner, peers, values, message;
    inner.pairs.emplace_back(etf::atom("send_oct"), 1);
    peers.pairs.emplace_back(etf::binary(name), std::move(inner));
    values.pairs.emplace_back(etf::atom("dist"), std::move(peers));
    message.pairs.emplace_back(etf::atom("values"), std::move(values));
    return Term(std::move(message));
  };
  for (auto name : {std::string("\xFF\xFE"), "x" + std::string(150, 'y') + std::string(60, '\xC3')})
    for (auto& [text, value] : read(peer(name))) EXPECT_TRUE(etf::is_utf8(text)) << text;
  std::string many = "x";
  for (int i = 0; i < 150; ++i) many += "\u00e9";
  auto values = read(peer(many));
  ASSERT_EQ(values.size(), 1u);
  EXPECT_TRUE(etf::is_utf8(values.begin()->first));
}

TEST(Intervals, TellLiveMessagesFromRoundsWhoeverListens) {
  using namespace std::chrono_literals;
  EXPECT_TRUE(is_live(1000, 60s));
  EXPECT_TRUE(is_live(100, 2s));
  EXPECT_FALSE(is_live(60'000, 60s));
  EXPECT_FALSE(is_live(1000, 1s)) << "so often it is asked";
  EXPECT_FALSE(is_live(0, 60s)) << "of a node without an agent";
}

TEST(Labels, AreReadBackWhateverIsInThem) {
  auto text = label_text({"a", "b"}, {"x\"y\\z\n,=", ""});
  std::map<std::string, std::string> wanted{{"a", "x\"y\\z\n,="}, {"b", ""}};
  EXPECT_EQ(parse_labels(text), wanted);
  EXPECT_TRUE(parse_labels("").empty());
  parse_labels("a=\"unfinished");
}

TEST(Dictionary, NamesWhatIsNotStoredYetUntilItIs) {
  Dictionary dictionary;
  EXPECT_EQ(dictionary.series({"a", "", "gauge", ""}), 1u);
  EXPECT_EQ(dictionary.series({"a", "", "gauge", ""}), 1u);
  EXPECT_EQ(dictionary.node("x@y"), 1u);
  store::Batch first, second;
  dictionary.add_unsaved(first);
  EXPECT_EQ(first.series.size() + first.nodes.size(), 2u);
  dictionary.series({"b", "", "gauge", ""});
  dictionary.saved(first);
  dictionary.add_unsaved(second);
  ASSERT_EQ(second.series.size(), 1u);
  EXPECT_EQ(second.series[0].second.name, "b");
  EXPECT_TRUE(second.nodes.empty());
}

TEST(Dictionary, MakesRoomForNamesThatNobodyHasAnyMoreAndNeverGivesTheirNumbersAgain) {
  Dictionary dictionary;
  auto peer = [](int i) {
    return store::Series{"dist.queue", "peer=\"p" + std::to_string(i) + "\"", "gauge", ""};
  };
  auto series = [&](int i) {  // of a node that brings a few
    auto node = static_cast<NodeId>(i / 100 + 2);
    return dictionary.series(peer(i), Dictionary::From::labels, node);
  };
  for (std::size_t i = 0; i < Dictionary::most_series; ++i)
    EXPECT_TRUE(dictionary.note_seen(series(static_cast<int>(i)), 10, 1));
  EXPECT_EQ(series(-1), 0u) << "full";
  dictionary.note_seen(2, 11, 1);
  EXPECT_EQ(dictionary.drop({{1, 10}, {2, 10}, {3, 10}}), (std::vector<SeriesId>{1, 3}))
      << "the second has been seen since";
  EXPECT_FALSE(dictionary.note_seen(1, 11, 1));
  EXPECT_EQ(dictionary.series_of(1).name, "");
  EXPECT_EQ(series(-1), Dictionary::most_series + 1);
  EXPECT_EQ(series(0), Dictionary::most_series + 2) << "it came back";
  EXPECT_EQ(series(2), 0u) << "full again";
  EXPECT_EQ(dictionary.of_metric("dist.queue").size(), Dictionary::most_series);
}

store::Series invented(NodeId node, std::size_t i) {
  return {"folsom.lie" + std::to_string(node) + "_" + std::to_string(i), "", "counter", ""};
}

/// How many names a node invents until no more are taken.
std::size_t invent(Dictionary& dictionary, NodeId node, std::size_t most) {
  std::size_t count = 0;
  while (count < most &&
         dictionary.series(invented(node, count), Dictionary::From::node, node) != 0)
    ++count;
  return count;
}

/// It filled the dictionary of all nodes within seconds.
TEST(Dictionary, ANodeThatInventsNamesHasAShareAndNoMore) {
  Dictionary dictionary;
  for (auto* name : {"liar", "honest"}) dictionary.node(name);
  EXPECT_EQ(invent(dictionary, 1, 300'000), Dictionary::most_series / 5);
  EXPECT_EQ(dictionary.made_by(1), Dictionary::most_series / 5);
  EXPECT_EQ(invent(dictionary, 2, 5'000), 5'000u) << "another one does not miss it";
}

// Who may deploy had a hundred nodes bring what one may not.
TEST(Dictionary, AFamilyOfDeployedNodesHasAShareAndNoMore) {
  Dictionary dictionary;
  std::size_t taken = 0;
  for (NodeId liar = 1; liar <= 100; ++liar) {
    dictionary.belongs(liar, "evil");
    taken += invent(dictionary, liar, 300'000);
  }
  EXPECT_LE(taken, Dictionary::most_series / 3 + 1);
  EXPECT_TRUE(dictionary.is_over(100));
  EXPECT_EQ(dictionary.made_by(100), 0u);
  dictionary.belongs(101, "honest");
  EXPECT_EQ(invent(dictionary, 101, 5'000), 5'000u);
  EXPECT_EQ(invent(dictionary, 102, 5'000), 5'000u) << "an added one is of no family";
}

// Numbers are never given again: with nodes that come and go a family had used up those of all.
TEST(Dictionary, AFamilyHasSoManyNewNamesADayAlsoOfNodesThatHaveGone) {
  Dictionary dictionary;
  dictionary.begin(1);
  std::size_t taken = 0;
  for (NodeId liar = 1; liar <= 100; ++liar) {
    dictionary.belongs(liar, "evil");
    taken += invent(dictionary, liar, 300'000);
    dictionary.drop_of(liar);
  }
  EXPECT_EQ(taken, FamilyShares::most_a_day);
  dictionary.begin(1);
  dictionary.belongs(101, "evil");
  EXPECT_EQ(invent(dictionary, 101, 1), 0u);
  dictionary.begin(2);
  EXPECT_EQ(invent(dictionary, 101, 1'000), 1'000u);
}

// What a node brought before it was known whose it is counts for the family, and goes with it.
TEST(Dictionary, WhatNodesOfAFamilyBroughtMakesRoomWhenItGoes) {
  Dictionary dictionary;
  EXPECT_EQ(invent(dictionary, 1, 40'000), 40'000u);
  dictionary.belongs(1, "shop");
  dictionary.belongs(2, "shop");
  EXPECT_LT(invent(dictionary, 2, 40'000), 40'000u);
  dictionary.drop_of(1);
  EXPECT_FALSE(dictionary.is_over(2));
}

TEST(Dictionary, TheCataloguesNamesAreAdmittedWhateverIsInvented) {
  Dictionary dictionary;
  for (NodeId liar = 1; liar <= 100; ++liar) invent(dictionary, liar, 300'000);
  EXPECT_EQ(dictionary.size(), Dictionary::most_series - Dictionary::reserved);
  EXPECT_NE(dictionary.series({"memory.total", "", "gauge", ""}), 0u);
  EXPECT_NE(dictionary.series({"dist.queue", "peer=\"a@b\"", "gauge", ""}, Dictionary::From::labels,
                              1000),
            0u);
  for (int i = 0; i < 300'000; ++i)
    dictionary.series({"dist.queue", std::to_string(i), "gauge", ""}, Dictionary::From::labels,
                      static_cast<NodeId>(i / 1000));
  EXPECT_TRUE(dictionary.is_full());
  EXPECT_NE(dictionary.series({"memory.atom", "", "gauge", ""}), 0u) << "also when it is full";
}

TEST(Dictionary, TheCataloguesNamesHaveNumbersWhenNodesHaveUsedUpTheirs) {
  Dictionary dictionary;
  constexpr auto most = Dictionary::most_numbers;
  dictionary.restore_series(most - Dictionary::reserved_numbers, invented(1, 1));
  EXPECT_EQ(dictionary.series(invented(1, 2), Dictionary::From::node, 1), 0u);
  EXPECT_EQ(
      dictionary.series({"dist.queue", "peer=\"a@b\"", "gauge", ""}, Dictionary::From::labels, 1),
      0u);
  auto own = dictionary.series({"memory.total", "", "gauge", ""});
  EXPECT_EQ(own, most - Dictionary::reserved_numbers + 1);
  Dictionary restarted;
  restarted.restore_series(own, {"memory.total", "", "gauge", ""});
  EXPECT_TRUE(restarted.has(own));
  EXPECT_EQ(restarted.series(invented(1, 2), Dictionary::From::node, 1), 0u);
}

TEST(Dictionary, WithANodeGoWhatItBroughtAndNobodyElseSent) {
  Dictionary dictionary;
  EXPECT_EQ(invent(dictionary, 1, 1'000), 1'000u);
  auto shared = dictionary.series(invented(1, 7));
  EXPECT_TRUE(dictionary.note_seen(shared, 10, 1));
  EXPECT_TRUE(dictionary.note_seen(shared, 10, 2));
  auto other = dictionary.series(invented(2, 1), Dictionary::From::node, 2);
  EXPECT_EQ(dictionary.drop_of(1).size(), 999u);
  EXPECT_EQ(dictionary.made_by(1), 0u);
  EXPECT_TRUE(dictionary.has(shared));
  EXPECT_TRUE(dictionary.has(other));
  EXPECT_EQ(dictionary.size(), 2u);
  EXPECT_EQ(dictionary.drop_of(2).size(), 0u) << "the newest says how far numbers went";
  store::Batch batch;
  dictionary.add_unsaved(batch);
  EXPECT_EQ(batch.series.size(), 2u);
}

TEST(SampleReader, DoesNotGoOnUnderTheNumberOfASeriesThatHasGone) {
  Dictionary dictionary;
  SampleReader reader(dictionary);
  Map peer, dist, values;
  peer.pairs.emplace_back(atom("queue_size"), 5);
  dist.pairs.emplace_back(atom("a@b"), Term(peer));
  values.pairs.emplace_back(atom("dist"), Term(dist));
  auto read = [&] { return reader.read(message(values), 1).samples.at(0).series; };
  EXPECT_EQ(read(), 1u);
  dictionary.note_seen(1, 1, 1);
  dictionary.drop({{1, 1}});
  reader.forget_series();
  EXPECT_EQ(read(), 2u);
}

TEST(Exposition, LeavesOutWhatHasGone) {
  Dictionary dictionary;
  for (std::string peer : {"a", "b", "c"})
    dictionary.series({"dist.queue", "peer=\"" + peer + "\"", "gauge", ""});
  ExpositionPlan plan;
  plan.extend(dictionary);
  dictionary.drop({{2, 0}});
  plan.remove({2});
  dictionary.series({"dist.queue", "peer=\"d\"", "gauge", ""});
  plan.extend(dictionary);
  auto latest = std::make_shared<const Latest>(
      Latest{{0, 0}, {{1, false, 1}, {2, false, 2}, {3, false, 3}, {4, false, 4}}});
  Exposition exposition(plan, {{"n", latest}}, "");
  auto text = exposition.next_piece();
  for (std::string peer : {"a", "c", "d"}) EXPECT_THAT(text, HasSubstr("peer=\"" + peer + "\""));
  EXPECT_THAT(text, Not(HasSubstr("peer=\"b\"")));
}

TEST(Exposition, GroupsAMetricOfAllNodesUnderOneType) {
  Dictionary dictionary;
  auto atoms = dictionary.series({"memory.atom", "", "gauge", ""});
  auto memory = dictionary.series({"memory.processes", "", "gauge", ""});
  auto queue = dictionary.series({"dist.queue", "peer=\"c@d\"", "gauge", ""});
  auto cpu = dictionary.series({"host.cpu.busy", "", "counter", ""});
  auto part = dictionary.series({"folsom.a b", "", "histogram", "p99"});
  auto latest = [&](std::uint64_t value) {
    std::vector<store::Sample> samples{{atoms, false, value},
                                       {memory, false, value},
                                       {queue, false, 3},
                                       {cpu, false, 1500},
                                       {part, true, store::Number::of(std::nan("")).bits}};
    return std::make_shared<const Latest>(Latest{{0, 0}, samples});
  };
  ExpositionPlan plan;
  plan.extend(dictionary);
  Exposition exposition(plan, {{"a@b", latest(1)}, {"e@\"f", latest(2)}}, "own 1\n");
  std::string text;
  for (auto piece = exposition.next_piece(); !piece.empty(); piece = exposition.next_piece())
    text += piece;
  EXPECT_TRUE(text.starts_with("own 1\n"));
  EXPECT_THAT(text,
              HasSubstr("# TYPE erlang_vm_memory_bytes gauge\n"
                        "erlang_vm_memory_bytes{kind=\"processes\",instance=\"a@b\"} 1\n"
                        "erlang_vm_memory_bytes{kind=\"processes\",instance=\"e@\\\"f\"} 2\n"));
  EXPECT_THAT(text,
              HasSubstr("erlang_vm_dist_node_queue_size_bytes{peer=\"c@d\",instance=\"a@b\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("muster_host_cpu_busy_seconds_total{instance=\"a@b\"} 1.5\n"));
  EXPECT_THAT(text, HasSubstr("muster_library_folsom_a_b{part=\"p99\",instance=\"a@b\"} NaN\n"));
}

// The first to name a metric had its words and its type over everybody's values.
TEST(Exposition, ANodesWordsAreNotOverTheValuesOfOthers) {
  Dictionary dictionary;
  dictionary.series({"folsom.hits", "", "gauge", ""});
  ExpositionPlan plan;
  plan.extend(dictionary);
  EXPECT_EQ(plan.groups().back().help, "What libraries on nodes call folsom_hits");
  EXPECT_EQ(plan.groups().back().type, "gauge");
  dictionary.series({"folsom.hits", "", "counter", ""});
  plan.extend(dictionary);
  EXPECT_EQ(plan.groups().back().type, "untyped");
  plan.remove({1, 2});
  dictionary.series({"folsom hits", "", "counter", ""});
  plan.extend(dictionary);
  EXPECT_EQ(plan.groups().back().type, "counter");
}

TEST(Exposition, OfManyNodesComesInPieces) {
  Dictionary dictionary;
  auto id = dictionary.series({"memory.total", "", "gauge", ""});
  std::vector<std::pair<std::string, LatestPtr>> nodes;
  auto latest = std::make_shared<const Latest>(Latest{{0, 0}, {{id, false, 1}}});
  for (int i = 0; i < 5000; ++i) nodes.emplace_back("n" + std::to_string(i) + "@host", latest);
  ExpositionPlan plan;
  plan.extend(dictionary);
  Exposition exposition(plan, std::move(nodes), "");
  std::size_t pieces = 0, lines = 0, types = 0;
  for (auto piece = exposition.next_piece(); !piece.empty(); piece = exposition.next_piece()) {
    ++pieces;
    EXPECT_LT(piece.size(), 70'000u);
    lines += static_cast<std::size_t>(std::count(piece.begin(), piece.end(), '\n'));
    types += piece.find("# TYPE") != piece.npos;
  }
  EXPECT_GT(pieces, 3u);
  EXPECT_EQ(lines, 5002u);
  EXPECT_EQ(types, 1u);
}

TEST(Exposition, HasOlderNamesToo) {
  Dictionary dictionary;
  auto id = dictionary.series({"processes.count", "", "gauge", ""});
  ExpositionPlan plan;
  plan.extend(dictionary);
  auto latest = std::make_shared<const Latest>(Latest{{0, 0}, {{id, false, 7}}});
  Exposition exposition(plan, {{"a@b", latest}}, "");
  auto text = exposition.next_piece();
  EXPECT_THAT(text, HasSubstr("# TYPE erlang_vm_processes gauge\n"
                              "erlang_vm_processes{instance=\"a@b\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE erlang_vm_process_count gauge\n"
                              "erlang_vm_process_count{instance=\"a@b\"} 7\n"));
}

TEST(Exposition, NamesWithManySeriesAreFoundNodeByNode) {
  Dictionary dictionary;
  std::vector<std::pair<std::string, LatestPtr>> nodes;
  for (int i = 0; i < 3000; ++i) {
    auto label = "peer=\"p" + std::to_string(i) + "\"";
    auto queue = dictionary.series({"dist.queue", label, "gauge", ""});
    auto sent = dictionary.series({"dist.sent", label, "counter", ""});
    std::vector<store::Sample> samples{{queue, false, 1}, {sent, false, 2}};
    nodes.emplace_back("n" + std::to_string(i),
                       std::make_shared<const Latest>(Latest{{0, 0}, std::move(samples)}));
  }
  ExpositionPlan plan;
  plan.extend(dictionary);
  Exposition exposition(plan, std::move(nodes), "");
  std::string text;
  for (auto piece = exposition.next_piece(); !piece.empty(); piece = exposition.next_piece())
    text += piece;
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2 * (3000 + 2));
  EXPECT_THAT(text, HasSubstr("erlang_vm_dist_send_bytes{peer=\"p2999\",instance=\"n2999\"} 2\n"));
}

TEST(Combining, TakesEachTimesValuesOfAllNodes) {
  auto point = [](std::int64_t at, double value) {
    auto number = store::Number::of(value);
    return store::Point{{at, at}, {1, number, number, number, value}};
  };
  std::vector<store::MetricLine> lines{{1, 7, {point(0, 1), point(60, 10)}},
                                       {2, 7, {point(0, 3)}},
                                       {3, 7, {point(0, 8), point(60, 30)}}};
  auto value = [&](Combine how, std::size_t at, double percentile = 0) {
    return combine(lines, how, percentile).at(0).points.at(at).value.mean;
  };
  EXPECT_EQ(value(Combine::sum, 0), 12);
  EXPECT_EQ(value(Combine::sum, 1), 40);
  EXPECT_EQ(value(Combine::mean, 0), 4);
  EXPECT_EQ(value(Combine::min, 1), 10);
  EXPECT_EQ(value(Combine::max, 1), 30);
  EXPECT_EQ(value(Combine::percentile, 0, 50), 3);
  EXPECT_EQ(value(Combine::percentile, 1, 25), 15);
  EXPECT_EQ(value(Combine::percentile, 0, 100), 8);
}

TEST(Catalogue, HasEveryNameOnceAndAPrometheusNameForEach) {
  std::set<std::string> names;
  for (auto& metric : catalogue()) {
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name;
    EXPECT_FALSE(metric.prometheus.name.empty()) << metric.name;
    EXPECT_FALSE(metric.path.front().empty()) << metric.name;
  }
  EXPECT_GT(names.size(), 150u);
}

}  // namespace
}  // namespace muster::metrics
