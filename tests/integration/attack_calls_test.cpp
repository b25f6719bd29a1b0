// Nodes whose calls take long, are many or large, or have nobody who waits for their answers.
#include "attack_memory.h"
#include "erl.h"
#include "managed_nodes.h"
#include "ports.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

/// A node of the user's, on which callers have commands run.
struct Worker : ErlNode {
  Worker(const Epmd& epmd, const Daemon& daemon) : ErlNode(epmd, named("worker@127.0.0.1")) {
    ManagedNodes(daemon).bring_up(name(), {{"agents", "none"}});
  }
};

/// What an honest node is answered that has the worker say its name.
std::string another_asks_its_name(const Epmd& epmd, const Daemon& daemon) {
  ErlNode other(epmd, named("other@127.0.0.1"));
  return other.eval("{ok, #{results := [#{value := V}]}} = rpc:call('" + daemon.name() +
                        "', commands, run, [#{module => erlang, function => node, nodes => "
                        "['worker@127.0.0.1']}]), V",
                    seconds(10));
}

// 100,000 of them took 1 GB, whatever the budget.
TEST_F(AttackMemory, CallsUnderWayOfOneNodeHaveTheBudget) {
  Worker worker(epmd_, daemon_);
  ErlNode flood(epmd_, named("flood@127.0.0.1")), other(epmd_, named("other@127.0.0.1"));
  forget_peak();
  flood.eval("[gen_server:send_request({commands, '" + daemon_.name() +
                 "'}, {run, #{module => timer, function => sleep, args => "
                 "[60000 | lists:duplicate(5000, 1)], nodes => ['worker@127.0.0.1'], timeout => "
                 "60000}}) || _ <- lists:seq(1, 900)], ok",
             seconds(60));
  EXPECT_EQ(flood.eval("receive {_, {error, #{code := unavailable}}} -> refused end", seconds(20)),
            "refused");
  EXPECT_EQ(
      other.eval("element(1, rpc:call('" + daemon_.name() + "', topology, list_nodes, [#{}]))"),
      "ok");
  ask();
  EXPECT_GT(losses(), 0u);
}

// 16,000 questions of a viewer went on when its node had gone, and it came again for more: an
// admin's were refused, as others held all memory.
TEST_F(AttackMemory, CallsOfOneNodeAreBoundedInNumberAndEndWithItsLink) {
  Worker worker(epmd_, daemon_);
  {
    ErlNode flood(epmd_, named("flood@127.0.0.1"));
    flood.eval("[{rex, '" + daemon_.name() +
                   "'} ! {self(), {call, commands, run, [#{module => timer, function => sleep, "
                   "args => [60000], nodes => ['worker@127.0.0.1'], timeout => 60000}], self()}} "
                   "|| _ <- lists:seq(1, 1200)], ok",
               seconds(60));
    EXPECT_EQ(
        flood.eval("lists:all(fun(_) -> receive {rex, {error, #{message := M}}} -> "
                   "binary:match(M, <<\"1000 calls\">>) =/= nomatch end end, lists:seq(1, 200))",
                   seconds(20)),
        "true");
    EXPECT_TRUE(eventually([&] { return asleep(worker) == 192; }, seconds(20))) << asleep(worker);
    EXPECT_EQ(another_asks_its_name(epmd_, daemon_), "'worker@127.0.0.1'");
    ask();
  }
  EXPECT_TRUE(eventually([&] { return asleep(worker) == 0; }, seconds(20))) << asleep(worker);
}

// What two callers had run for an hour on nodes of theirs kept everybody's commands waiting.
TEST_F(AttackMemory, CommandsThatTakeAnHourKeepNobodyWaiting) {
  Worker worker(epmd_, daemon_);
  std::vector<std::unique_ptr<ErlNode>> floods;
  for (auto* name : {"first@127.0.0.1", "second@127.0.0.1"})
    floods.emplace_back(std::make_unique<ErlNode>(epmd_, named(name)))
        ->eval("[{rex, '" + daemon_.name() +
                   "'} ! {self(), {call, commands, run, [#{module => timer, function => sleep, "
                   "args => [3600000], nodes => ['worker@127.0.0.1'], timeout => 3600000}], "
                   "self()}} || _ <- lists:seq(1, 300)], ok",
               seconds(60));
  EXPECT_TRUE(eventually([&] { return asleep(worker) == 128; }, seconds(20))) << asleep(worker);
  EXPECT_EQ(another_asks_its_name(epmd_, daemon_), "'worker@127.0.0.1'");
  ask();
}

// The tag of a call was kept until its answer, whatever its size: 80 of 15 MB took 1.2 GB.
TEST_F(AttackMemory, WhatACallIsKnownByHasABound) {
  Worker worker(epmd_, daemon_);
  ErlNode flood(epmd_, named("flood@127.0.0.1"));
  forget_peak();
  flood.eval("D = '" + daemon_.name() +
             "', Large = binary:copy(<<0>>, 3000000), Run = #{module => timer, function => sleep, "
             "args => [60000], nodes => ['worker@127.0.0.1'], timeout => 60000}, ok");
  flood.eval(
      "[{rex, D} ! {'$gen_call', {self(), Large}, {call, commands, run, [Run], self()}} || _ <- "
      "lists:seq(1, 50)], ok",
      seconds(60));
  ask();
  flood.eval(
      "[erlang:spawn_request(D, erpc, execute_call, [Large, commands, run, [Run]], [monitor]) || "
      "_ <- lists:seq(1, 50)], ok",
      seconds(60));
  flood.eval("[rpc:call(D, no, such, [Large]) || _ <- lists:seq(1, 50)], ok", seconds(60));
  EXPECT_EQ(flood.eval("rpc:call(D, no, such, [Large])"),
            "{badrpc,{'EXIT',{undef,[{no,such,1,[]}]}}}")
      << "they came back";
  EXPECT_EQ(flood.eval("element(1, rpc:call(D, topology, list_nodes, [#{}]))"), "ok");
  ask();
}

// The claim for their arguments went after the link it was of: whoever called and hung up ended the
// daemon.
TEST_F(AttackMemory, CallsWithLargeArgumentsWhoseCallerDies) {
  Worker worker(epmd_, daemon_);
  for (auto* form :
       {"gen_server:send_request({commands, D}, {run, Run})",
        "erpc:send_request(D, commands, run, [Run])", "rpc:async_call(D, commands, run, [Run])"}) {
    SCOPED_TRACE(form);
    {
      ErlNode caller(epmd_, named("caller@127.0.0.1"));
      caller.eval("D = '" + daemon_.name() +
                  "', Run = #{module => timer, function => sleep, nodes => ['worker@127.0.0.1'], "
                  "args => [lists:duplicate(50000, 1)], timeout => 60000}, ok");
      for (int i = 0; i < 10; ++i) caller.eval(form);
      ask();
    }
    ask();
  }
  ask();
}

}  // namespace
}  // namespace muster::test
