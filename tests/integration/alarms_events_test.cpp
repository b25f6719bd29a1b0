// Alarms of what a node's scheduler and collector complain about, of its links and of what it logs:
// provoked, and over again.
#include "alarm_test.h"

namespace muster::test {
namespace {

class AlarmsOfEvents : public AlarmTest {
 protected:
  AlarmsOfEvents()
      : AlarmTest(
            "[alarms.large_heap]\nwindow = 2\n"
            "[alarms.long_gc]\nwindow = 2\n"
            "[alarms.long_schedule]\nwindow = 2\n"
            "[alarms.busy_port]\nwindow = 2\n"
            "[alarms.busy_dist_port]\nwindow = 2\n"
            "[alarms.error_log_rate]\nquiet = 3\n"
            "[alarms.supervisor_restarts]\nquiet = 3\n"
            "[alarms.supervisor_gave_up]\nquiet = 3\n") {}
};

TEST_F(AlarmsOfEvents, LargeHeapsAndLongGarbageCollections) {
  ErlNode erl(epmd_, named("h@127.0.0.1"));
  add(erl.name());
  wait_until_it_counts(erl);
  erl.eval(
      "spawn(fun() -> L = lists:seq(1, 30000000), garbage_collect(), garbage_collect(), length(L) "
      "end), ok");
  raised("large_heap", "minor");
  raised("long_gc", "minor");
  over("large_heap");
  over("long_gc");
}

TEST_F(AlarmsOfEvents, WhatKeepsASchedulerTooLong) {
  ErlNode erl(epmd_, named("l@127.0.0.1"));
  add(erl.name());
  wait_until_it_counts(erl);
  // A small term that looks very large to who follows each of its references, in one go.
  erl.eval(
      "spawn(fun() -> erts_debug:flat_size(lists:foldl(fun(_, A) -> [A | A] end, [], lists:seq(1, "
      "30))) end), ok");
  raised("long_schedule", "minor");
  over("long_schedule");
}

TEST_F(AlarmsOfEvents, ReceiversThatDoNotRead) {
  ErlNode erl(epmd_, named("r@127.0.0.1"));
  add(erl.name());
  wait_until_it_counts(erl);
  erl.eval("{ok, L} = gen_tcp:listen(0, [{active, false}]), {ok, Port} = inet:port(L), ok");
  erl.eval("{ok, S} = gen_tcp:connect(\"127.0.0.1\", Port, []), {ok, _} = gen_tcp:accept(L), ok");
  erl.eval(
      "[spawn(fun() -> gen_tcp:send(S, binary:copy(<<0>>, 10000000)) end) || _ <- lists:seq(1, "
      "40)], ok");
  raised("busy_port", "minor");
  erl.eval("gen_tcp:close(S)");
  over("busy_port");
}

TEST_F(AlarmsOfEvents, APeerThatDoesNotRead) {
  ErlNode erl(epmd_, named("d@127.0.0.1"));
  ErlNode peer(epmd_, named("peer@127.0.0.1"));
  add(erl.name());
  wait_until_it_counts(erl);
  erl.eval("net_adm:ping('peer@127.0.0.1')");
  peer.process().signal_group(SIGSTOP);
  erl.eval(
      "[spawn(fun() -> {none, 'peer@127.0.0.1'} ! binary:copy(<<0>>, 4000000) end) || _ <- "
      "lists:seq(1, 20)], ok");
  raised("busy_dist_port", "minor");
  raised("dist_queue", "minor");
  peer.process().signal_group(SIGCONT);
  over("busy_dist_port");
  over("dist_queue");
}

TEST_F(AlarmsOfEvents, ErrorsThatRepeat) {
  ErlNode erl(epmd_, named("e@127.0.0.1"));
  add(erl.name());
  wait_for_agent(erl, "notifications");
  erl.eval("[logger:error(\"pool ~p is empty\", [N]) || N <- lists:seq(1, 15)], ok");
  raised("error_log_rate", "minor");
  over("error_log_rate");
}

TEST_F(AlarmsOfEvents, SupervisorsThatRestartAndGiveUp) {
  ErlNode erl(epmd_, named("s@127.0.0.1"));
  add(erl.name());
  wait_for_agent(erl, "notifications");
  erl.eval(R"erl(
    Parse = fun(Text) ->
        {ok, Tokens, _} = erl_scan:string(Text), {ok, Form} = erl_parse:parse_form(Tokens), Form
    end,
    {ok, shop, Beam} = compile:forms([Parse(Text) || Text <- [
        "-module(shop).", "-behaviour(supervisor).", "-export([init/1, child/0]).",
        "init(_) -> {ok, {#{intensity => 3, period => 60}, [#{id => child, start => {shop, child, []}}]}}.",
        "child() -> {ok, spawn_link(fun() -> timer:sleep(50), exit(bad) end)}."]]),
    {module, shop} = code:load_binary(shop, "shop.beam", Beam), ok)erl");
  erl.eval(
      "spawn(fun() -> process_flag(trap_exit, true), supervisor:start_link(shop, []), receive "
      "{'EXIT', _, _} -> ok end end), ok");
  raised("supervisor_restarts", "minor");
  raised("supervisor_gave_up", "critical");
  over("supervisor_restarts");
  over("supervisor_gave_up");
}

}  // namespace
}  // namespace muster::test
