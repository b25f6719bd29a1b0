// schemas/alarms.json: every row is whole, and does what it says.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <regex>
#include <sstream>

#include "services/alarms/passed_on.h"
#include "services/alarms/pattern_search.h"
#include "services/alarms/sample_reader.h"
#include "services/alarms/schemas.h"

namespace muster::alarms {
namespace {

using etf::atom;
using etf::Term;

/// What each "Suite.Name" of tests/integration/{alarms,attack}*_test.cpp does.
std::map<std::string, std::string> tests_on_real_nodes() {
  std::map<std::string, std::string> tests;
  std::string all;
  for (auto& entry : std::filesystem::directory_iterator(MUSTER_SOURCE_DIR "/tests/integration")) {
    auto name = entry.path().filename().string();
    bool is_one = name.starts_with("alarms") || name.starts_with("attack");
    if (!is_one || !name.ends_with("_test.cpp")) continue;
    std::ifstream in(entry.path());
    std::stringstream text;
    text << in.rdbuf();
    all += text.str();
  }
  std::regex head(R"(TEST_F\(\s*((?:Alarms|Attack)\w*),\s*(\w+)\s*\))");
  for (std::sregex_iterator at(all.begin(), all.end(), head), end; at != end; ++at) {
    auto from = static_cast<std::size_t>(at->position());
    tests[(*at)[1].str() + "." + (*at)[2].str()] = all.substr(from, all.find("\n}\n", from) - from);
  }
  return tests;
}

/// By rule: the `test` of its row.
std::map<std::string, std::string> tests_named() {
  std::map<std::string, std::string> named;
  auto document = ops::json::parse(alarms_json());
  for (auto& row : document.at("alarms").as_array())
    if (auto* test = row.as_object().if_contains("test"))
      named[std::string(row.at("id").as_string())] = test->as_string();
  return named;
}

class BuiltinAlarms : public testing::Test {
 protected:
  BuiltinAlarms() {
    for (auto rule : builtin_rules()) {
      auto ready = make_ready(std::move(rule), &SampleReader::is_metric);
      if (ready) engine.add(std::move(*ready), now);
    }
  }
  void pass(int seconds) {
    for (int i = 0; i < seconds; ++i) engine.tick(now += std::chrono::seconds(1));
  }
  /// Which of the rule's levels is raised in the end.
  void expect(const Rule& rule, std::size_t level, const std::string& when) {
    EXPECT_EQ(levels[rule.id], level) << rule.id << " " << when;
  }

  Timestamp now{std::chrono::hours(480'000)};
  Subject node{Scope::node, "n1", "a@h", "f1", "shop"};
  std::map<std::string, std::size_t> levels;
  RuleEngine engine{[this](const Finding& finding) { levels[finding.rule.id] = finding.level; }};
};

TEST_F(BuiltinAlarms, AreWhole) {
  std::set<std::string> ids;
  for (auto& rule : builtin_rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id << " is there twice";
    EXPECT_EQ(rule.source, Source::builtin) << rule.id;
    for (auto* text : {&rule.description, &rule.probable_cause, &rule.proposed_repair_action})
      EXPECT_FALSE(text->empty()) << rule.id;
    EXPECT_FALSE(rule.tags.empty()) << rule.id;
    auto ready = make_ready(rule, &SampleReader::is_metric);
    EXPECT_TRUE(ready) << rule.id << ": " << ready.error().message << " at " << ready.error().field;
  }
}

/// On a real node.
TEST_F(BuiltinAlarms, NameTheTestThatProvokesAndClearsThem) {
  auto tests = tests_on_real_nodes();
  auto named = tests_named();
  for (auto& rule : builtin_rules()) {
    auto& test = named[rule.id];
    ASSERT_FALSE(test.empty()) << rule.id << " names no test that provokes it";
    ASSERT_TRUE(tests.contains(test)) << rule.id << ": there is no test " << test;
    auto& text = tests[test];
    auto is_in_it = [&](const std::string& what) { return text.find(what) != std::string::npos; };
    if (rule.check && rule.check->ends_with(":*")) {  // whatever comes through this door
      EXPECT_TRUE(is_in_it("\"" + rule.check->substr(0, rule.check->size() - 2) + "\"")) << rule.id;
      continue;
    }
    EXPECT_TRUE(is_in_it("raised(\"" + rule.id + "\"")) << test << " raises no " << rule.id;
    EXPECT_TRUE(is_in_it("over(\"" + rule.id + "\"")) << test << " clears no " << rule.id;
  }
}

/// The alarms that WombatOAM documents.
TEST_F(BuiltinAlarms, CoverTheFieldsListOrSayWhyNot) {
  std::set<std::string> known;
  for (auto& rule : builtin_rules()) {
    known.insert(rule.id);
    known.insert(rule.also.begin(), rule.also.end());
  }
  auto document = ops::json::parse(alarms_json());
  for (auto& left : document.at("left_out").as_array()) {
    EXPECT_FALSE(left.at("why").as_string().empty());
    known.insert(std::string(left.at("id").as_string()));
  }
  for (auto* id : {"node_down",
                   "process_limit_minor",
                   "process_limit_major",
                   "port_limit_minor",
                   "ets_limit_major",
                   "atom_limit_minor",
                   "module_limit_major",
                   "export_limit",
                   "memory_limit_minor",
                   "open_file_limit_minor",
                   "open_socket_limit_minor",
                   "open_fd_limit_user_minor",
                   "open_fd_limit_node_minor",
                   "disk_capacity_minor",
                   "process_message_queue_minor",
                   "os_cpu_load_minor",
                   "shell_history_size",
                   "invalid_application_version",
                   "invalid_app_file",
                   "missing_runtime_dependencies",
                   "old_code",
                   "module_clash",
                   "different_module_versions",
                   "missing_module",
                   "different_application_versions",
                   "missing_application",
                   "different_timezones",
                   "global_config_missing",
                   "inconsistent_global_config",
                   "disk_almost_full",
                   "system_memory_high_watermark",
                   "process_memory_high_watermark",
                   "riak_core_nodedown",
                   "mnesia_inconsistent",
                   "mnesia_overload",
                   "poolboy"})
    EXPECT_TRUE(known.contains(id)) << id;
}

TEST_F(BuiltinAlarms, MetricRulesAreRaisedAndCleared) {
  for (auto& rule : builtin_rules()) {
    if (rule.kind != RuleKind::metric) continue;
    bool is_above = rule.direction == Direction::above;
    double base = std::max(rule.at_least.value_or(0), 1000.0);
    double total = 0;
    // Lets the rule see `value` for as long as it takes.
    auto show = [&](double value) {
      for (int minute = 0; minute < 3; ++minute) {
        double reading = value;
        if (rule.percent_of) reading = value / 100 * base * rule.scale.value_or(1);
        if (rule.measure == Measure::per_minute) reading = total += reading;
        std::vector<Sample> samples{
            {engine.metric(*rule.metric), rule.label.value_or("x"), reading}};
        if (rule.percent_of) samples.push_back({engine.metric(*rule.percent_of), {}, base});
        engine.samples(node, samples, now);
        pass(60);
      }
    };
    auto grow = [&](double by) {
      bool in_percent = rule.measure == Measure::growth_percent;
      double from = base;
      for (int i = 0; i <= 2 * 64; ++i) {
        Sample one{engine.metric(*rule.metric), "x", from};
        if (i >= 64) one.value = in_percent ? from * (1 + by / 100) : from + by;
        engine.samples(node, {&one, 1}, now);
        now += std::chrono::seconds(rule.window / 64 + 1);
        if (i == 64) break;
      }
    };
    bool is_growth = rule.measure == Measure::growth || rule.measure == Measure::growth_percent;
    for (std::size_t i = 0; i < rule.levels.size(); ++i) {
      double beyond = *rule.levels[i].raise + (is_above ? 1 : -1) * 0.01;
      is_growth ? grow(beyond) : show(beyond);
      expect(rule, i + 1, "beyond its level");
    }
    double well = *rule.levels[0].clear + (is_above ? -1 : 1) * 0.01;
    if (rule.measure == Measure::per_minute && well < 0) well = 0;
    is_growth ? grow(0) : show(well);
    expect(rule, 0, "when all is well again");
  }
}

TEST_F(BuiltinAlarms, ChecksAreRaisedAndCleared) {
  for (auto& rule : builtin_rules()) {
    if (rule.kind != RuleKind::check || rule.instance) continue;
    engine.check(node, *rule.check, etf::list(atom("found")), now);
    pass(static_cast<int>(rule.hold) + 1);
    expect(rule, 1, "when something is found");
    engine.check(node, *rule.check, Term(etf::Map{}), now);
    expect(rule, 0, "when nothing is found");
  }
}

TEST_F(BuiltinAlarms, NotificationsAreCounted) {
  for (auto& rule : builtin_rules()) {
    if (rule.kind != RuleKind::notification) continue;
    LogLine line;
    line.severity = 3;
    line.kind = rule.log_kind ? std::string_view(*rule.log_kind) : "report";
    line.text = rule.pattern ? std::string_view(*rule.pattern) : "x";
    for (std::uint32_t i = 0; i < rule.count; ++i) {
      expect(rule, 0, "too early");
      PatternSearch::Heard heard{node, line};
      auto found = PatternSearch::search(engine.pattern_rules(), std::span(&heard, 1));
      engine.notification(node, line, found.in[0], now);
    }
    expect(rule, 1, "after enough of them");
    pass(static_cast<int>(*rule.quiet) + 1);
    expect(rule, 0, "after silence");
  }
}

TEST_F(BuiltinAlarms, WhatNodesRaiseHasTheSeverityOfItsRow) {
  auto told = [&](Term id) {
    auto known = passed_on(id, engine);
    return known.condition + "[" + known.instance + "] " +
           std::to_string(known.rule ? static_cast<int>(known.rule->levels[0].severity) : -1) +
           " " + std::to_string(static_cast<int>(known.source));
  };
  EXPECT_EQ(told(etf::tuple(atom("disk_almost_full"), etf::CharList{"/data"})),
            "disk_almost_full[/data] 2 2");
  EXPECT_EQ(told(etf::tuple(atom("process_memory_high_watermark"), etf::Pid{{"a@h"}, 9, 0, 1})),
            "process_memory_high_watermark[<a@h.9.0>] 3 2");
  EXPECT_EQ(told(atom("system_memory_high_watermark")), "system_memory_high_watermark[] 3 2");
  EXPECT_EQ(told(etf::tuple(atom("riak_core_nodedown"), atom("r@h"))),
            "riak_core_nodedown[r@h] 3 2");
  EXPECT_EQ(told(etf::tuple(atom("poolboy"), atom("pool"))), "poolboy[pool] 3 2");
  EXPECT_EQ(told(etf::tuple(atom("mnesia"), atom("overload"))), "mnesia_overload[] 3 0");
  EXPECT_EQ(told(etf::tuple(atom("mnesia"), atom("inconsistent_database"), atom("b@h"))),
            "mnesia_inconsistent[b@h] 3 0");
  EXPECT_EQ(told(etf::tuple(atom("elarm"), atom("full"), atom("db"))), "full[db] -1 3");
  EXPECT_EQ(told(atom("my_alarm")), "my_alarm[] -1 2");
  EXPECT_EQ(told(etf::tuple(atom("mine"), 7)), "mine[7] -1 2");
  EXPECT_EQ(told(etf::Tuple{}), "{}[] -1 2");
}

TEST(SampleReader, ReadsWhatRulesLookAtByTheCataloguesPaths) {
  RuleEngine engine([](const Finding&) {});
  auto id = [&](const char* name) { return engine.metric(name); };
  for (auto* name :
       {"memory.total", "dist.queue", "allocator.blocks", "folsom.requests", "exometer.web.hits"})
    id(name);
  SampleReader reader;
  reader.want(engine);
  auto map = [](std::vector<std::pair<Term, Term>> pairs) { return Term(etf::Map{pairs}); };
  auto values = map(
      {{atom("memory"), map({{atom("total"), 42}, {atom("ets"), 1}})},
       {atom("dist"), map({{atom("b@h"), map({{atom("queue_size"), 7}, {atom("state"), 1}})}})},
       {atom("allocators"),
        map({{atom("ets_alloc"), map({{atom("mbcs"), map({{atom("blocks_size"), 1.5}})}})}})},
       {atom("user"),
        etf::list(
            etf::tuple(atom("folsom"), atom("requests"), atom("counter"), 3),
            etf::tuple(atom("exometer"), etf::list(atom("web"), atom("hits")), atom("gauge"), 4),
            etf::tuple(atom("folsom"), atom("other"), atom("counter"), 5), atom("odd"))}});
  std::set<std::string> read;
  for (auto& sample : reader.read(values))
    read.insert(std::to_string(sample.metric) + "[" + sample.label +
                "]=" + std::to_string(static_cast<int>(sample.value * 10)));
  EXPECT_EQ(read, (std::set<std::string>{"0[]=420", "1[b@h]=70", "2[ets_alloc/mbcs]=15", "3[]=30",
                                         "4[]=40"}));
  for (auto& odd : {Term(), Term(1), map({{atom("memory"), 1}, {atom("dist"), Term()}}),
                    map({{atom("user"), atom("x")}})})
    EXPECT_TRUE(reader.read(odd).empty());
  id("events.long_gc");
  id("events.busy_port");
  reader.want(engine);
  std::string counted;
  for (auto& sample : reader.read_counts(map({{atom("long_gc"), 6}})))
    counted += std::to_string(static_cast<int>(sample.value)) + " ";
  EXPECT_TRUE(counted == "6 0 " || counted == "0 6 ") << counted;
  id("agent.memory");
  reader.want(engine);
  auto own =
      reader.read_account(map({{atom("agent"), map({{atom("memory"), 9000}})}}), "metrics", 0);
  ASSERT_EQ(own.size(), 1u);
  EXPECT_EQ(own[0].label, "metrics");
  EXPECT_EQ(own[0].value, 9000);
  id("message_queues.sum");
  reader.want(engine);
  auto scan = reader.read_account(map({{atom("scan"), map({{atom("sum"), 7}})}}), "alarms", 0);
  ASSERT_EQ(scan.size(), 1u);
  EXPECT_EQ(scan[0].label, "");
  EXPECT_TRUE(SampleReader::is_metric("memory.total"));
  EXPECT_FALSE(SampleReader::is_metric("memory.totale"));
}

TEST(SampleReader, TakesWhatAgentsLackAndLetGo) {
  for (auto* name : {"agent.lacking", "agent.events_dropped"})
    EXPECT_TRUE(SampleReader::is_metric(name)) << name;
  RuleEngine engine([](const Finding&) {});
  auto lacking = engine.metric("agent.lacking"), let_go = engine.metric("agent.events_dropped");
  auto map = [](std::vector<std::pair<Term, Term>> pairs) { return Term(etf::Map{pairs}); };
  SampleReader reader;
  reader.want(engine);
  auto message = map({{atom("lacking"), map({{atom("system_monitor"), atom("taken")}})},
                      {atom("dropped"), map({{atom("rate"), 3}, {atom("queue"), 4}})}});
  EXPECT_EQ(SampleReader::dropped(message), 7u);
  EXPECT_EQ(SampleReader::dropped(map({{atom("dropped"), -7}})), 0u);
  EXPECT_EQ(SampleReader::dropped(Term(1)), 0u);
  std::map<std::uint32_t, double> read;
  for (auto& sample : reader.read_account(message, "notifications", 9)) {
    EXPECT_EQ(sample.label, "notifications");
    read[sample.metric] = sample.value;
  }
  EXPECT_EQ(read, (std::map<std::uint32_t, double>{{lacking, 1}, {let_go, 9}}));
  EXPECT_EQ(reader.read_account(message, "metrics", 0).size(), 1u);
}

}  // namespace
}  // namespace muster::alarms
