#include <gtest/gtest.h>

#include "services/orchestration/bootstrap.h"
#include "services/orchestration/environment.h"
#include "services/orchestration/placement.h"
#include "services/orchestration/scripts.h"
#include "services/orchestration/stop_policy.h"
#include "services/orchestration/templates.h"

namespace muster::orchestration {
namespace {

using namespace std::chrono_literals;

Deployment a_node() {
  Deployment node;
  node.id = "98cc7af6-20ce-4a85-8849-63d02ee1959a";
  node.node_host = "10.0.0.7";
  node.name = node.id + "@10.0.0.7";
  node.cookie = Secret("bis$cuit\"");
  return node;
}

TEST(Placement, PutsEachNodeWhereTheFewestAre) {
  std::vector<Place> places(3);
  places[0].load = 2;
  EXPECT_EQ(place(5, places), (std::vector<std::size_t>{1, 2, 1, 2, 0}));
}

TEST(Templates, FillWhatIsKnownAndLeaveTheRest) {
  Family family;
  family.variables["ring_size"] = Secret("64");
  family.variables["node_name"] = Secret("mine");
  auto values = template_values(a_node(), family);
  EXPECT_EQ(fill("-name {{ node_name }}\n-setcookie {{cookie}}\nring {{	ring_size  }}", values),
            "-name " + a_node().name + "\n-setcookie bis$cuit\"\nring 64");
  EXPECT_EQ(fill("{{ dist_port_min }} {{a,b}} {{{ring_size}} {{", values),
            "{{ dist_port_min }} {{a,b}} {64 {{");
  family.dist_ports = PortRange{6000, 7999};
  EXPECT_EQ(fill("{{ dist_port_min }}-{{ dist_port_max }}", template_values(a_node(), family)),
            "6000-7999");
}

TEST(Templates, DoNotLookIntoValuesAgain) {
  std::map<std::string, Secret> values{{"a", Secret("{{ b }}")}, {"b", Secret("no")}};
  EXPECT_EQ(fill("{{ a }}", values), "{{ b }}");
}

TEST(Environment, SaysWhoTheNodeIsInAllNames) {
  Family family;
  family.env["COOKIE"] = Secret("theirs");
  family.env["ANT_FARM_ANTS"] = Secret("1");
  family.env["DATABASE_URL"] = Secret("postgres://me:pw@db");
  auto all = environment(a_node(), family);
  for (const char* name : {"MUSTER_NODE_NAME", "RELEASE_NODE", "NODE_NAME"})
    EXPECT_EQ(all.plain.at(name), a_node().name);
  EXPECT_EQ(all.plain.at("RELEASE_DISTRIBUTION"), "name");
  for (const char* name : {"MUSTER_COOKIE", "RELEASE_COOKIE", "COOKIE"})
    EXPECT_EQ(all.secret.at(name).reveal(), a_node().cookie.reveal());
  EXPECT_EQ(all.plain.at("ANT_FARM_ANTS"), "1");
  EXPECT_TRUE(all.hidden.empty());
  EXPECT_EQ(all.secret.at("DATABASE_URL").reveal(), "postgres://me:pw@db");
  EXPECT_NE(environment_file(all).find("COOKIE=\"bis\\$cuit\\\"\"\n"), std::string::npos);
}

TEST(Environment, HidesTheValuesOfVariables) {
  Family family;
  family.variables["db_password"] = Secret("open sesame");
  family.variables["shards"] = Secret("16");
  auto all = environment(a_node(), family);
  ASSERT_EQ(all.hidden.size(), 1u);
  EXPECT_EQ(all.hidden.front().reveal(), "open sesame");
  EXPECT_FALSE(all.secret.contains("db_password"));
}

TEST(Scripts, NeverNameACookie) {
  auto node = a_node();
  auto env = environment(node, {});
  for (auto mode : {StartMode::daemon, StartMode::foreground})
    EXPECT_EQ(scripts::start(mode, node.id, "bin/x daemon", "", env).find(node.cookie.reveal()),
              std::string::npos);
}

TEST(Scripts, ReadWhatASurveyFound) {
  std::string many;
  for (int i = 2; i < 2000; ++i)
    many += std::to_string(i) + " \x1b]0;x\x07" + std::string(500, 'b') + "\n";
  auto shown = scripts::parse_survey(many);
  EXPECT_EQ(shown.size(), 200u) << "a host's own words";
  EXPECT_LE(shown[0].command.size(), 64u);
  EXPECT_EQ(shown[0].command.find('\x1b'), std::string::npos);
  auto found = scripts::parse_survey("12 beam.smp\nnonsense\n13 erl child setup\n1 init\n");
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].pid, 12);
  EXPECT_EQ(found[1].command, "erl child setup");
}

StopPolicy::Time at(int seconds) {
  return StopPolicy::Time(std::chrono::seconds(seconds));
}
using Action = StopPolicy::Action;

TEST(StopPolicy, IsContentAfterTenQuietSeconds) {
  StopPolicy policy({}, at(0), true);
  EXPECT_EQ(policy.look(at(0), true, true).action, Action::look_again);
  EXPECT_EQ(policy.look(at(2), false, false).action, Action::look_again);
  EXPECT_EQ(policy.look(at(11), false, false).action, Action::look_again);
  EXPECT_EQ(policy.look(at(12), false, false).action, Action::stopped);
}

TEST(StopPolicy, TerminatesThenKillsWhatStays) {
  StopPolicy policy({}, at(0), true);
  EXPECT_EQ(policy.look(at(14), true, true).action, Action::look_again);
  EXPECT_EQ(policy.look(at(15), true, true).action, Action::terminate);
  EXPECT_EQ(policy.look(at(20), true, true).action, Action::look_again);
  EXPECT_EQ(policy.look(at(30), true, true).action, Action::kill);
}

TEST(StopPolicy, BeginsAnewWhenHeartStartedItAgain) {
  StopPolicy policy({}, at(0), false);
  EXPECT_EQ(policy.look(at(0), true, true).action, Action::terminate);
  EXPECT_EQ(policy.look(at(1), false, false).action, Action::look_again);
  EXPECT_EQ(policy.look(at(9), true, true).action, Action::kill);
  EXPECT_EQ(policy.look(at(10), false, false).action, Action::look_again);
  EXPECT_EQ(policy.look(at(19), false, false).action, Action::look_again);
  EXPECT_EQ(policy.look(at(20), false, false).action, Action::stopped);
}

TEST(StopPolicy, GivesUpOnWhatCannotBeStopped) {
  StopPolicy policy({}, at(0), false);
  EXPECT_EQ(policy.look(at(119), false, true).action, Action::look_again);
  EXPECT_EQ(policy.look(at(120), false, true).action, Action::give_up);
}

std::vector<Member> three() {
  return {
      {"1", "a@h", Secret(), true}, {"2", "b@h", Secret(), false}, {"3", "c@h", Secret(), true}};
}

TEST(Bootstrap, LeavesTheFirstNodeOfAFamilyAlone) {
  Bootstrap how{{Selection::Kind::random, ""}, Strategy::distributed_erlang, "", {}};
  EXPECT_TRUE(plan_bootstrap(how, {}, {}, 0)->is_empty());
  how.selection.kind = Selection::Kind::none;
  EXPECT_TRUE(plan_bootstrap(how, three(), {}, 0)->is_empty());
}

TEST(Bootstrap, ChoosesAmongTheNodesThatAreUp) {
  Bootstrap how{{Selection::Kind::first, ""}, Strategy::distributed_erlang, "", {}};
  auto first = plan_bootstrap(how, three(), {}, 1);
  EXPECT_EQ(first->targets.front().name, "a@h");
  how.selection.kind = Selection::Kind::random;
  EXPECT_EQ(plan_bootstrap(how, three(), {}, 1)->targets.front().name, "c@h");
  how.selection.kind = Selection::Kind::all;
  auto all = plan_bootstrap(how, three(), {}, 1);
  EXPECT_TRUE(all->needs_all);
  EXPECT_EQ(all->targets.size(), 2u);
}

TEST(Bootstrap, DoesNotMakeASecondClusterWhenNobodyIsUp) {
  Bootstrap how{{Selection::Kind::first, ""}, Strategy::distributed_erlang, "", {}};
  auto nobody = three();
  for (auto& member : nobody) member.is_up = false;
  EXPECT_EQ(plan_bootstrap(how, nobody, {}, 0).error().errc(), Errc::unavailable);
}

TEST(Bootstrap, PassesTheNodesNameLast) {
  Bootstrap how{{Selection::Kind::first, ""}, Strategy::custom, "bin/bootstrap", {"--as", "it's"}};
  auto plan = plan_bootstrap(how, three(), {}, 0);
  EXPECT_EQ(plan->targets.size(), 1u);
  EXPECT_EQ(custom_command(how, plan->targets), "bin/bootstrap '--as' 'it'\\''s' 'a@h'");
}

}  // namespace
}  // namespace muster::orchestration
