// Alarms of what the agent sees when it looks at a node's processes, code and applications, and of
// what the node raises itself: provoked, and over again.
#include "alarm_test.h"
#include "host_view.h"
#include "ports.h"

namespace muster::test {
namespace {

class AlarmsOfChecks : public AlarmTest {
 protected:
  AlarmsOfChecks() : AlarmTest("[alarms.multi_scheduling_blocked]\nhold = 1\n") {}
};

TEST_F(AlarmsOfChecks, WhatALookAtTheNodeShows) {
  ErlNode erl(epmd_, named("q@127.0.0.1", {"+S", "2"}));
  erl.eval("ok = application:start(sasl)");
  erl.eval("Q = spawn(fun() -> receive stop -> ok end end), register(slow, Q), ok");
  erl.eval("[Q ! {work, N} || N <- lists:seq(1, 6000)], ok");
  erl.eval("{ok, m, B} = compile:forms([{attribute, 1, module, m}]), ok");
  erl.eval("[code:load_binary(m, \"m\", B) || _ <- [1, 2]], ok");
  erl.eval("erlang:system_flag(multi_scheduling, block_normal)");
  add(erl.name());
  keep_looking(erl);
  auto queue = raised("process_message_queue", "minor");
  ASSERT_TRUE(queue.is_object());
  EXPECT_EQ(queue.at("additional_information").at("name"), "slow");
  raised("old_code", "minor");
  raised("multi_scheduling_blocked", "major");
  erl.eval("erlang:system_flag(multi_scheduling, unblock_normal), exit(Q, kill), code:purge(m)");
  erl.eval("ok = application:stop(sasl)");
  over("process_message_queue");
  over("old_code");
  over("multi_scheduling_blocked");
  auto stopped = raised("application_stopped", "major");
  ASSERT_TRUE(stopped.is_object());
  EXPECT_EQ(stopped.at("instance"), "sasl");
  erl.eval("ok = application:start(sasl)");
  over("application_stopped");
}

TEST_F(AlarmsOfChecks, BrokenApplications) {
  ErlNode erl(epmd_, named("b@127.0.0.1"));
  TempDir dir;
  write_file(dir / "broken.app",
             "{application, broken, [{vsn, \"2\"}, {runtime_dependencies, [\"stdlib-99.1\"]}]}.");
  erl.eval("Dir = \"" + dir.path().string() + "\"");
  erl.eval("{ok, lists, Beam} = compile:forms([{attribute, 1, module, lists}])");
  erl.eval("ok = file:write_file(filename:join(Dir, \"lists.beam\"), Beam), code:add_pathz(Dir)");
  erl.eval(
      "ok = application:load({application, broken, [{vsn, \"1\"}, {applications, [kernel, "
      "nowhere_at_all]}]})");
  add(erl.name());
  keep_looking(erl);
  raised("module_clash", "major");
  raised("invalid_app_file", "major");
  raised("missing_runtime_dependencies", "major");
  raised("invalid_application_version", "major");
  erl.eval("ok = application:unload(broken), code:del_path(Dir)");
  over("module_clash");
  over("invalid_app_file");
  over("missing_runtime_dependencies");
  over("invalid_application_version");
}

TEST_F(AlarmsOfChecks, WhatOsMonRaises) {
  HostView host;
  host.show("disk", "10");
  auto options = named("o@127.0.0.1", {"-os_mon", "start_cpu_sup", "false"});
  options.env = host.env();
  ErlNode erl(epmd_, options);
  erl.eval("{ok, _} = application:ensure_all_started(os_mon)");
  // It looks every second and not in half an hour.
  erl.eval(
      "spawn(fun Look() -> disksup ! timeout, memsup ! time_to_collect, timer:sleep(1000), Look() "
      "end), ok");
  add(erl.name());
  keep_reading(erl.name(), "host.disk");
  host.show("disk", "90");
  erl.eval(
      "memsup:set_sysmem_high_watermark(0.0001), memsup:set_procmem_high_watermark(0.0000001)");
  raised("disk_capacity", "major");
  raised("disk_almost_full", "minor");
  raised("system_memory_high_watermark", "major");
  raised("process_memory_high_watermark", "major");
  host.show("disk", "10");
  erl.eval("memsup:set_sysmem_high_watermark(1.0), memsup:set_procmem_high_watermark(1.0)");
  over("disk_capacity");
  over("disk_almost_full");
  over("system_memory_high_watermark");
  over("process_memory_high_watermark");
}

// Debian has neither Riak nor poolboy nor elarm: what they raise comes through the same doors.
/// A new agent cannot know what nobody keeps a list of.
TEST_F(AlarmsOfChecks, WhatNobodyListsOutlivesTheAgent) {
  ErlNode erl(epmd_, named("l@127.0.0.1"));
  erl.eval("ok = application:start(sasl), ok = mnesia:start()");
  add(erl.name());
  wait_for_agent(erl, "alarms");
  erl.eval("gen_event:delete_handler(alarm_handler, alarm_handler, swap)");
  erl.eval("alarm_handler:set_alarm({late, bird})");
  erl.eval(
      "mnesia_lib:report_system_event({inconsistent_database, starting_partitioned_network, x})");
  raised("late");
  raised("mnesia_inconsistent", "major");
  erl.eval(R"erl(
    Agents = fun() -> [whereis(N) || N <- registered(),
                                     lists:prefix("muster_agent_alarms", atom_to_list(N))] end,
    [Old] = Agents(), exit(Old, kill))erl");
  ASSERT_TRUE(eventually([&] { return erl.eval("Agents() -- [Old] =/= []") == "true"; },
                         std::chrono::seconds(20)));
  // The new agent has its name a moment before it listens.
  auto is_raised = [&] {
    erl.eval("alarm_handler:set_alarm({later, bird})");
    return !list("condition=later").empty();
  };
  EXPECT_TRUE(eventually(is_raised, std::chrono::seconds(20)));
  erl.eval("alarm_handler:clear_alarm(later)");
  over("later");
  EXPECT_EQ(list("condition=late").size(), 1u);
  EXPECT_EQ(list("condition=mnesia_inconsistent").size(), 1u);
  erl.eval("alarm_handler:clear_alarm(late), mnesia:stop()");
  over("late");
  over("mnesia_inconsistent");
}

/// Both are told in one message.
TEST_F(AlarmsOfChecks, WhatIsClearedAndSetAgainAtOnceIsThere) {
  ErlNode erl(epmd_, named("a@127.0.0.1"));
  erl.eval("ok = application:start(sasl)");
  erl.eval("alarm_handler:set_alarm({valve, \"first\"})");
  add(erl.name());
  raised("valve");
  erl.eval(
      "alarm_handler:clear_alarm(valve), alarm_handler:set_alarm({valve, \"second\"}), "
      "alarm_handler:set_alarm({later, bird})");
  raised("later");
  auto valves = list("condition=valve");
  ASSERT_EQ(valves.size(), 1u);
  EXPECT_EQ(valves[0].at("description"), "second");
}

TEST_F(AlarmsOfChecks, WhatApplicationsRaise) {
  ErlNode erl(epmd_, named("s@127.0.0.1"));
  erl.eval("ok = application:start(sasl)");
  erl.eval("alarm_handler:set_alarm({early, \"from before\"})");
  erl.eval(R"erl(
    Parse = fun(Text) ->
        {ok, Tokens, _} = erl_scan:string(Text), {ok, Form} = erl_parse:parse_form(Tokens), Form
    end,
    {ok, elarm, Beam} = compile:forms([Parse(Text) || Text <- [
        "-module(elarm).", "-export([subscribe/2, get_alarms/0]).",
        "subscribe(_, Pid) -> elarm_server ! {subscribe, Pid}, {ok, ref, []}.",
        "get_alarms() -> elarm_server ! {get, self()}, receive {alarms, List} -> {ok, List} end."]]),
    {module, elarm} = code:load_binary(elarm, "elarm.beam", Beam),
    Serve = fun Serve(Pids, Alarms) ->
        receive
            {subscribe, Pid} -> Serve([Pid | Pids], Alarms);
            {get, Pid} -> Pid ! {alarms, Alarms}, Serve(Pids, Alarms);
            {set, Event, Now} -> [Pid ! {elarm, ref, Event} || Pid <- Pids], Serve(Pids, Now)
        end
    end,
    register(elarm_server, spawn(fun() -> Serve([], []) end)))erl");
  add(erl.name());
  auto early = raised("early", "indeterminate");
  ASSERT_TRUE(early.is_object());
  EXPECT_EQ(early.at("source"), "sasl");
  EXPECT_EQ(early.at("description"), "from before");
  erl.eval("alarm_handler:set_alarm({{riak_core_nodedown, 'riak@h'}, []})");
  erl.eval("alarm_handler:set_alarm({{poolboy, workers}, \"full\"})");
  erl.eval(
      "Full = {alarm, full, now, \"db\", x, x, major, \"much data\", \"delete some\", \"the table "
      "is full\", [], x}, elarm_server ! {set, Full, [Full]}, ok");
  auto down = raised("riak_core_nodedown", "major");
  ASSERT_TRUE(down.is_object());
  EXPECT_EQ(down.at("instance"), "riak@h");
  raised("poolboy", "major");
  auto full = raised("full", "major");
  ASSERT_TRUE(full.is_object());
  EXPECT_EQ(full.at("source"), "elarm");
  EXPECT_EQ(full.at("proposed_repair_action"), "delete some");
  erl.eval(
      "[alarm_handler:clear_alarm(A) || A <- [early, {riak_core_nodedown, 'riak@h'}, {poolboy, "
      "workers}]], ok");
  erl.eval("elarm_server ! {set, {clear, full, \"db\", x, x}, []}, ok");
  over("early");
  over("riak_core_nodedown");
  over("poolboy");
  over("full");
}

}  // namespace
}  // namespace muster::test
