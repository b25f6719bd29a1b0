%% When the agent "metrics" samples and what a sample holds, against real nodes: each interval, live
%% values for as long as asked, less when the node or the link is busy. Which metrics there are is checked in
%% muster_agent_metrics_SUITE.
-module(muster_agent_sampling_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").
-import(muster_test_leases, [lease_from/2, ask_holder/2, same_as_before/1]).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([sends_samples/1, sends_live_values_for_as_long_as_asked/1,
         microstate_accounting_stays_where_it_was_on/1,
         microstate_accounting_is_turned_on_again/1, backs_off_when_the_run_queue_is_long/1,
         a_live_sample_says_so_also_when_it_backs_off/1,
         backs_off_when_the_link_is_full/1, sheds_load/1]).
%% Called on the peers.
-export([flood/1, be_busy/1, fill_link/1]).

all() -> muster_test_leases:all().

groups() ->
    %% Cases that mostly wait do so together, a few at a time.
    [{sending, [parallel], [sends_samples, sends_live_values_for_as_long_as_asked,
                            microstate_accounting_stays_where_it_was_on,
                            microstate_accounting_is_turned_on_again,
                            backs_off_when_the_link_is_full, sheds_load]}
     | muster_test_leases:groups([{group, sending}, backs_off_when_the_run_queue_is_long,
                                  a_live_sample_says_so_also_when_it_backs_off])].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(Group, Config) -> muster_test_leases:init_per_group(Group, Config).

end_per_group(_, _) -> ok.

init_per_testcase(_, Config) -> muster_test_leases:init_per_testcase(Config).

end_per_testcase(_, Config) -> muster_test_leases:end_per_testcase(Config).

%%% What it sends

sends_samples(Config) ->
    Agent = ?config(module, Config),
    {_, Next} = lease_from(Config, 1000),
    #{interval_ms := 1000, at := At, lacking := #{mnesia := not_running},
      values := #{wall_clock := Uptime, memory := #{total := Total}, process_count := Processes,
                  process_limit := _, microstate_accounting := #{scheduler := #{gc := _}},
                  scheduler_wall_time := #{1 := #{active := _, total := _}}} = Values,
      agent := #{reductions := _, memory := Own, dropped := 0, backed_off := none,
                 sent_bytes := 0, wall_us := _}} = Next(),
    Daemon = muster_test_nodes:name(?config(daemon, Config)),
    ?assertNot(maps:is_key(Daemon, maps:get(dist, Values))),  % it is hidden
    ?assert(Uptime > 0 andalso Total > 0 andalso Processes > 10),
    ?assert(Own < 256 * 1024),
    ?assertNot(maps:is_key(scheduler_utilization, Values)),
    #{at := LaterAt, agent := #{sent_bytes := Sent},
      values := #{wall_clock := Later, scheduler_utilization := Share}} = Next(),
    ?assert(Later - Uptime >= 900 andalso LaterAt - At >= 900),
    ?assert(Share > 0 andalso Share =< 1 andalso Sent > 1000),
    ?assertEqual(list_to_binary(maps:get(version, ?config(agent, Config))),
                 peer:call(?config(managed, Config), Agent, vsn, [])).

sends_live_values_for_as_long_as_asked(Config) ->
    {Agent, Next} = lease_from(Config, 60000),
    _ = Next(),
    Settings = #{live => [memory, scheduler_utilization, no_such_key], live_ms => 2500},
    ok = ask_holder(Config, {settings, Agent, Settings}),
    #{interval_ms := 1000, values := First} = Next(),
    ?assertEqual([memory, scheduler_wall_time], lists:sort(maps:keys(First))),
    #{values := #{scheduler_utilization := _}} = Next(),
    #{} = Next(),
    ?assertEqual(nothing, ask_holder(Config, {next, 2000})),
    ok = ask_holder(Config, release),
    same_as_before(Config).

%% What was on before stays on, whatever ends the agent.
microstate_accounting_stays_where_it_was_on(Config) ->
    Managed = ?config(managed, Config),
    false = peer:call(Managed, erlang, system_flag, [microstate_accounting, true]),
    {Agent, Next} = lease_from(Config, 1000),
    _ = Next(),
    true = peer:call(Managed, erlang, exit, [Agent, kill]),
    muster_test_nodes:until(false, fun() -> peer:call(Managed, erlang, module_loaded,
                                                      [?config(module, Config)]) end),
    ?assertEqual(true, peer:call(Managed, erlang, system_flag, [microstate_accounting, false])),
    same_as_before(Config).

%% As when another daemon's agent, which had turned it on, leaves.
microstate_accounting_is_turned_on_again(Config) ->
    Managed = ?config(managed, Config),
    {_, Next} = lease_from(Config, 1000),
    _ = Next(),
    true = peer:call(Managed, erlang, system_flag, [microstate_accounting, false]),
    [Next() || _ <- lists:seq(1, 3)],
    ?assertEqual(true, peer:call(Managed, erlang, system_flag, [microstate_accounting, true])),
    ok = ask_holder(Config, release),
    same_as_before(Config).

%%% When it sends less

backs_off_when_the_run_queue_is_long(Config) ->
    Managed = ?config(managed, Config),
    {_, Next} = lease_from(Config, 1000),
    #{agent := #{backed_off := none}} = Next(),
    Busy = peer:call(Managed, ?MODULE, be_busy, [40]),
    muster_test_nodes:until(run_queue, fun() -> #{agent := #{backed_off := Why}} = Next(), Why end,
                            30000),
    #{lacking := #{dear := backed_off}, values := #{process_count := _} = Values} = Next(),
    ?assertNot(maps:is_key(allocators, Values)),
    [peer:call(Managed, erlang, exit, [Pid, kill]) || Pid <- Busy],
    muster_test_nodes:until(none, fun() -> #{agent := #{backed_off := Why}} = Next(), Why end,
                            30000).

a_live_sample_says_so_also_when_it_backs_off(Config) ->
    Managed = ?config(managed, Config),
    {Agent, Next} = lease_from(Config, 60000),
    #{interval_ms := 60000} = Next(),
    Busy = peer:call(Managed, ?MODULE, be_busy, [40]),
    Settings = #{live => [memory], live_ms => 30000},
    ok = ask_holder(Config, {settings, Agent, Settings}),
    muster_test_nodes:until({run_queue, 1000},
                            fun() ->
                                    #{interval_ms := Ms, agent := #{backed_off := Why}} = Next(),
                                    {Why, Ms}
                            end, 30000),
    [peer:call(Managed, erlang, exit, [Pid, kill]) || Pid <- Busy].

backs_off_when_the_link_is_full(Config) ->
    #{managed := Managed, daemon := Daemon} = maps:from_list(Config),
    {_, Next} = lease_from(Config, 1000),
    #{agent := #{backed_off := none}} = Next(),
    Target = peer:call(Daemon, erlang, whereis, [init]),
    Pid = peer:call(Daemon, os, getpid, []),
    _ = os:cmd("kill -STOP " ++ Pid),
    Bytes = peer:call(Managed, ?MODULE, fill_link, [Target]),
    timer:sleep(2500),   % two intervals, of which nobody can hear
    _ = os:cmd("kill -CONT " ++ Pid),
    ?assert(Bytes > 600000),
    muster_test_nodes:until({dist_queue, #{}},
                            fun() -> #{agent := #{backed_off := Why}, values := V} = Next(), {Why, V} end),
    muster_test_nodes:until(none, fun() -> #{agent := #{backed_off := Why}} = Next(), Why end).

sheds_load(Config) ->
    {Agent, Next} = lease_from(Config, 1000),
    #{agent := #{dropped := 0}} = Next(),
    ok = peer:call(?config(managed, Config), ?MODULE, flood, [Agent]),
    #{agent := #{dropped := 1, message_queue_len := 0}} = Next().

%%% On the peers

%% A timer message between two crowds of junk.
flood(Agent) ->
    true = erlang:suspend_process(Agent),
    [Agent ! junk || _ <- lists:seq(1, 500)],
    muster_test_nodes:until({message_queue_len, 501},
                            fun() -> process_info(Agent, message_queue_len) end),
    [Agent ! junk || _ <- lists:seq(1, 500)],
    true = erlang:resume_process(Agent),
    ok.

%% Until more than half of what suspends senders stays in the queue.
fill_link(Target) ->
    Queue = fun() -> {ok, _, _, Bytes} = erlang:dist_get_stat(
                                           ets:lookup_element(sys_dist, node(Target), 3)),
                     Bytes
            end,
    Is = case Queue() > 600000 of
             true -> timer:sleep(100), Queue();
             false -> 0
         end,
    case Is > 600000 of
        true -> Is;
        false ->
            _ = erlang:send(Target, {junk, <<0:800000>>}, [nosuspend, noconnect]),
            fill_link(Target)
    end.

be_busy(N) ->
    [spawn(fun Loop() -> _ = lists:seq(1, 1000), Loop() end) || _ <- lists:seq(1, N)].
