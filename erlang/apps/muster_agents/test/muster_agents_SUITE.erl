%% What all agents have in common, against real nodes: how they are loaded and leased, and that they leave
%% nothing behind. The agent is "metrics".
%%
%% A "daemon" here is a hidden node that loads the beams made by build_agents as the C++ daemon does:
%% over its own link, by erpc. Each case compares a snapshot of the managed node taken before the
%% agent came with one taken after it left.
-module(muster_agents_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").
-import(muster_test_leases, [lease_from/2, try_lease/2, load_from/1, beam/1, ask_holder/2,
                             same_as_before/1, same_as_alone/1]).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([limits_the_number_of_leases/1, a_pid_of_an_unconnected_node_is_refused/1,
         leaves_when_it_was_loaded_twice/1, stop_ends_all_leases/1,
         two_daemons_do_not_disturb_each_other/1, obeys_one_installation_until_told/1]).
-export([leaves_when_released/1, leaves_when_the_daemon_is_killed/1,
         leaves_when_the_link_is_cut/1, leaves_when_it_is_killed/1, survives_its_guard/1,
         callers_survive_the_death_of_the_agent/1, coming_and_going_leaves_nothing/1]).
%% Called on the peers.
-export([come_and_go/3, call_and_kill/2]).

all() -> muster_test_leases:all().

groups() ->
    %% Cases that mostly wait do so together, a few at a time.
    [{leasing, [parallel], [limits_the_number_of_leases, a_pid_of_an_unconnected_node_is_refused,
                            leaves_when_it_was_loaded_twice, stop_ends_all_leases,
                            two_daemons_do_not_disturb_each_other,
                            obeys_one_installation_until_told]},
     {leaving, [parallel], [leaves_when_released, leaves_when_the_daemon_is_killed,
                            leaves_when_the_link_is_cut, leaves_when_it_is_killed,
                            survives_its_guard, callers_survive_the_death_of_the_agent]}
     | muster_test_leases:groups([{group, leasing}, {group, leaving},
                                  coming_and_going_leaves_nothing])].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(Group, Config) -> muster_test_leases:init_per_group(Group, Config).

end_per_group(_, _) -> ok.

init_per_testcase(_, Config) -> muster_test_leases:init_per_testcase(Config).

end_per_testcase(_, Config) -> muster_test_leases:end_per_testcase(Config).

%%% Leases

limits_the_number_of_leases(Config) ->
    Results = [begin {Result, _} = try_lease(Config, 60000), Result end || _ <- lists:seq(1, 17)],
    ?assertMatch({error, full}, lists:last(Results)),
    ?assertMatch([_], lists:usort([Pid || {ok, Pid} <- Results])).

a_pid_of_an_unconnected_node_is_refused(Config) ->
    #{managed := Managed, module := Module} = maps:from_list(Config),
    Other = muster_test_nodes:start("other", []),
    Pid = peer:call(Other, erlang, whereis, [init]),
    ok = load_from(Config),
    try
        ?assertEqual({error, not_connected}, peer:call(Managed, Module, start, [#{pid => Pid}])),
        ?assertEqual([muster_test_nodes:name(?config(daemon, Config))],
                     peer:call(Managed, erlang, nodes, [connected]))
    after
        muster_test_nodes:stop(Other)
    end,
    same_as_before(Config).

leaves_when_it_was_loaded_twice(Config) ->
    {_, Next} = lease_from(Config, 1000),
    _ = Next(),
    ok = load_from(Config),
    ok = ask_holder(Config, release),
    same_as_before(Config).

stop_ends_all_leases(Config) ->
    {Agent, _} = lease_from(Config, 1000),
    {Agent, _} = lease_from(Config, 1000),
    ok = peer:call(?config(managed, Config), ?config(module, Config), stop, []),
    same_as_before(Config).

two_daemons_do_not_disturb_each_other(Config) ->
    Second = muster_test_nodes:start("second", ["-hidden"]),
    try
        muster_test_agents:connect(Second, ?config(managed, Config)),
        {Agent, _} = lease_from(Config, 1000),
        Config2 = lists:keystore(daemon, 1, Config, {daemon, Second}),
        {Agent, Next} = lease_from(Config2, 1000),
        _ = Next(),
        ok = muster_test_nodes:kill(?config(daemon, Config)),
        _ = Next(),
        _ = Next(),
        ok = muster_test_nodes:kill(Second),
        same_as_alone(Config)
    after
        muster_test_nodes:stop(Second)
    end.

obeys_one_installation_until_told(Config) ->
    Second = muster_test_nodes:start("second", ["-hidden"]),
    try
        muster_test_agents:connect(Second, ?config(managed, Config)),
        First = muster_test_nodes:name(?config(daemon, Config)),
        {{ok, Agent}, Next} = try_lease(Config, #{interval_ms => 1000, alone => true}),
        Config2 = lists:keystore(daemon, 1, Config, {daemon, Second}),
        {Refused, _} = try_lease(Config2, #{interval_ms => 1000, alone => true}),
        ?assertEqual({error, {obeys, First}}, Refused),
        _ = Next(),
        {{ok, Agent}, Next2} = try_lease(Config2, #{interval_ms => 1000, alone => take_over}),
        ?assertEqual(muster_test_nodes:name(Second), ask_holder(Config, taken)),
        _ = Next2(),
        {Back, _} = try_lease(Config, #{interval_ms => 1000, alone => true}),
        ?assertEqual({error, {obeys, muster_test_nodes:name(Second)}}, Back),
        ok = muster_test_nodes:kill(?config(daemon, Config)),
        ok = muster_test_nodes:kill(Second),
        same_as_alone(Config)
    after
        muster_test_nodes:stop(Second)
    end.

%%% How it leaves

leaves_when_released(Config) ->
    {Agent, Next} = lease_from(Config, 1000),
    _ = Next(),
    ok = ask_holder(Config, release),
    same_as_before(Config),
    false = peer:call(?config(managed, Config), erlang, is_process_alive, [Agent]).

leaves_when_the_daemon_is_killed(Config) ->
    {_, Next} = lease_from(Config, 1000),
    _ = Next(),
    ok = muster_test_nodes:kill(?config(daemon, Config)),
    same_as_alone(Config),
    [] = peer:call(?config(managed, Config), erlang, nodes, [connected]).

leaves_when_the_link_is_cut(Config) ->
    _ = lease_from(Config, 1000),
    Managed = muster_test_nodes:name(?config(managed, Config)),
    true = peer:call(?config(daemon, Config), erlang, disconnect_node, [Managed]),
    same_as_alone(Config),
    timer:sleep(300),
    [] = peer:call(?config(managed, Config), erlang, nodes, [connected]).

leaves_when_it_is_killed(Config) ->
    {Agent, Next} = lease_from(Config, 1000),
    _ = Next(),
    true = peer:call(?config(managed, Config), erlang, exit, [Agent, kill]),
    same_as_before(Config).

survives_its_guard(Config) ->
    {Agent, Next} = lease_from(Config, 1000),
    Managed = ?config(managed, Config),
    _ = Next(),
    Guard = guard_of(Managed, Agent),
    true = peer:call(Managed, erlang, exit, [Guard, kill]),
    muster_test_nodes:until(true, fun() -> lists:member(guard_of(Managed, Agent), [none, Guard])
                                               =:= false end),
    _ = Next(),
    true = peer:call(Managed, erlang, exit, [Agent, kill]),
    same_as_before(Config).

callers_survive_the_death_of_the_agent(Config) ->
    {Agent, Next} = lease_from(Config, 60000),
    _ = Next(),
    ?assertEqual({normal, {error, leaving}},
                 peer:call(?config(managed, Config), ?MODULE, call_and_kill,
                           [?config(module, Config), Agent])),
    same_as_before(Config).

coming_and_going_leaves_nothing(Config) ->
    #{managed := Managed, daemon := Daemon} = maps:from_list(Config),
    Name = muster_test_nodes:name(Managed),
    Calls = [spawn_monitor(fun() ->
                                   exit(peer:call(Daemon, ?MODULE, come_and_go,
                                                  [Name, beam(Config), 40], 60000))
                           end) || _ <- lists:seq(1, 3)],
    [receive {'DOWN', Ref, process, Pid, Result} -> ?assertEqual(ok, Result) end
     || {Pid, Ref} <- Calls],
    same_as_before(Config).

guard_of(Managed, Agent) ->
    {monitors, Monitors} = peer:call(Managed, erlang, process_info, [Agent, monitors]),
    case [P || {process, P} <- Monitors, node(P) =:= node(Agent)] of
        [Guard] -> Guard;
        [] -> none
    end.

%%% On the peers

%% Calls start/1 and kills the agent before it can answer; how the caller ends, and with what.
call_and_kill(Module, Agent) ->
    true = erlang:suspend_process(Agent),
    Self = self(),
    {Caller, Monitor} =
        spawn_monitor(fun() -> Self ! {self(), Module:start(#{pid => Self})} end),
    muster_test_nodes:until({message_queue_len, 1},
                            fun() -> process_info(Agent, message_queue_len) end),
    exit(Agent, kill),
    Answer = receive {Caller, A} -> A after 30000 -> none end,
    receive {'DOWN', Monitor, process, Caller, Reason} -> {Reason, Answer} end.

%% What a daemon does, many times over: ask for the version, load, start, release.
come_and_go(_, _, 0) ->
    ok;
come_and_go(Managed, {Module, _, _} = Beam, N) ->
    case erpc:call(Managed, erlang, module_loaded, [Module]) of
        true -> ok;
        false -> erpc:call(Managed, code, soft_purge, [Module]), muster_test_leases:load(Managed, Beam)
    end,
    Pid = spawn(fun() -> receive after infinity -> ok end end),
    Result = try erpc:call(Managed, Module, start, [#{pid => Pid, interval_ms => 1000}])
             catch error:{exception, undef, _} -> gone
             end,
    exit(Pid, kill),
    case Result of
        {ok, Agent} when is_pid(Agent) -> come_and_go(Managed, Beam, N - 1);
        {error, leaving} -> timer:sleep(20), come_and_go(Managed, Beam, N - 1);
        gone -> timer:sleep(20), come_and_go(Managed, Beam, N - 1);
        Other -> Other
    end.
