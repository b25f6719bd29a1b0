%% How the agents "notifications" and "alarms" leave: what they took of the node is given back, also when
%% they are killed. That of "metrics" is in muster_agents_SUITE.
-module(muster_agent_leaving_SUITE).
-include_lib("common_test/include/ct.hrl").
-import(muster_test_guest, [guest/1, call/4, back_to_normal/2, until_said/1]).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([leaves_when_released/1, leaves_when_it_is_killed/1, leaves_when_the_daemon_is_killed/1,
         leaves_when_guard_and_agent_are_killed/1]).

all() -> [{group, notifications}, {group, alarms}].

groups() ->
    Leave = [leaves_when_released, leaves_when_it_is_killed, leaves_when_the_daemon_is_killed,
             leaves_when_guard_and_agent_are_killed],
    [{notifications, [parallel], Leave}, {alarms, [parallel], Leave}].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(Group, Config) -> [{agent_name, atom_to_list(Group)} | Config].

end_per_group(_, _) -> ok.

init_per_testcase(_, Config) ->
    muster_test_guest:init_per_testcase(?config(agent_name, Config), [], Config).

end_per_testcase(_, Config) -> muster_test_guest:end_per_testcase(Config).

leaves_when_released(Config) ->
    Guest = guest(Config),
    _ = until_said(Guest),
    back_to_normal(Guest, Config).

leaves_when_it_is_killed(Config) ->
    #{agent := Pid} = Guest = guest(Config),
    _ = until_said(Guest),
    true = call(Config, erlang, exit, [Pid, kill]),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), []).

leaves_when_the_daemon_is_killed(Config) ->
    Guest = guest(Config),
    _ = until_said(Guest),
    ok = muster_test_nodes:kill(?config(daemon, Config)),
    muster_test_agents:same(?config(managed, Config), ?config(alone, Config), []).

%% First the guard; the one that follows knows what is held.
leaves_when_guard_and_agent_are_killed(Config) ->
    #{agent := Pid} = Guest = guest(Config),
    _ = until_said(Guest),
    Guards = fun() ->
                     {monitors, Monitors} = call(Config, erlang, process_info, [Pid, monitors]),
                     [P || {process, P} <- Monitors, node(P) =:= node(Pid)]
             end,
    [Guard] = Guards(),
    true = call(Config, erlang, exit, [Guard, kill]),
    muster_test_nodes:until(true, fun() -> length(Guards() -- [Guard]) =:= 1 end),
    true = call(Config, erlang, exit, [Pid, kill]),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), []).
