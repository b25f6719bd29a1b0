%% The agents against real nodes: what they send, and that they leave nothing behind.
%%
%% A "daemon" here is a hidden node that loads the beams made by build_agents as the C++ daemon does:
%% over its own link, by erpc. Each case compares a snapshot of the managed node taken before the
%% agent came with one taken after it left.
-module(muster_agents_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([sends_samples/1, sends_live_values_for_as_long_as_asked/1,
         microstate_accounting_stays_where_it_was_on/1,
         microstate_accounting_is_turned_on_again/1, backs_off_when_the_run_queue_is_long/1,
         a_live_sample_says_so_also_when_it_backs_off/1,
         backs_off_when_the_link_is_full/1,
         leaves_when_released/1, leaves_when_the_daemon_is_killed/1,
         leaves_when_the_link_is_cut/1, leaves_when_it_is_killed/1, survives_its_guard/1,
         stop_ends_all_leases/1, two_daemons_do_not_disturb_each_other/1,
         obeys_one_installation_until_told/1,
         callers_survive_the_death_of_the_agent/1, sheds_load/1, limits_the_number_of_leases/1,
         a_pid_of_an_unconnected_node_is_refused/1, leaves_when_it_was_loaded_twice/1,
         coming_and_going_leaves_nothing/1]).
-export([beams_are_reproducible/1, beams_are_stripped_and_named_by_version/1,
         beams_use_kernel_and_stdlib_only/1]).
-export([works_on_otp_23/1, works_on_otp_27/1, works_on_otp_29/1]).
-export([the_daemon_is_killed/1, the_node_is_removed/1, the_agent_is_killed/1,
         a_node_marked_none_gets_nothing/1, two_real_daemons/1,
         a_node_that_includes_them_gets_no_code/1]).
%% Called on the peers.
-export([snapshot/0, load/2, lease/3, come_and_go/3, agent_of/1, agent_of/2,
         flood/1, be_busy/1, fill_link/1, call_and_kill/2]).

all() -> [{group, beams}, {group, otp25}, {group, otp22}, {group, other_releases},
          {group, real_daemon}].

groups() ->
    Cases = [{group, sending}, {group, leasing}, {group, leaving}, backs_off_when_the_run_queue_is_long,
             a_live_sample_says_so_also_when_it_backs_off,
             coming_and_going_leaves_nothing],
    [{beams, [], [beams_are_reproducible, beams_are_stripped_and_named_by_version,
                  beams_use_kernel_and_stdlib_only]},
     {otp25, [], Cases},
     {otp22, [], Cases},
     %% Cases that mostly wait do so together, a few at a time.
     {sending, [parallel], [sends_samples, sends_live_values_for_as_long_as_asked,
                            microstate_accounting_stays_where_it_was_on,
                            microstate_accounting_is_turned_on_again,
                            backs_off_when_the_link_is_full, sheds_load]},
     {leasing, [parallel], [limits_the_number_of_leases, a_pid_of_an_unconnected_node_is_refused,
                            leaves_when_it_was_loaded_twice, stop_ends_all_leases,
                            two_daemons_do_not_disturb_each_other,
                            obeys_one_installation_until_told]},
     {leaving, [parallel], [leaves_when_released, leaves_when_the_daemon_is_killed,
                            leaves_when_the_link_is_cut, leaves_when_it_is_killed,
                            survives_its_guard, callers_survive_the_death_of_the_agent]},
     {other_releases, [parallel], [works_on_otp_23, works_on_otp_27, works_on_otp_29]},
     {real_daemon, [], [the_daemon_is_killed, the_node_is_removed, the_agent_is_killed,
                        a_node_marked_none_gets_nothing, two_real_daemons,
                        a_node_that_includes_them_gets_no_code]}].

init_per_suite(Config) ->
    Epmd = muster_test_nodes:start_epmd(),
    Dir = filename:join(?config(priv_dir, Config), "agents"),
    [{epmd, Epmd}, {agents, muster_test_agents:build(Dir)}, {dir, Dir} | Config].

end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

init_per_group(Group, Config) when Group =:= otp25; Group =:= otp22 ->
    "otp" ++ First = atom_to_list(Group),
    [Agent] = [A || #{agent := "metrics", first := F} = A <- ?config(agents, Config), F =:= First],
    [{agent, Agent} | Config];
init_per_group(real_daemon, Config) ->
    case muster_test_nodes:daemon() of
        {ok, Executable} -> [{executable, Executable} | Config];
        {skip, Why} -> {skip, Why}
    end;
init_per_group(_, Config) ->
    Config.

end_per_group(_, _) -> ok.

init_per_testcase(Case, Config) ->
    case {?config(executable, Config), ?config(agent, Config)} of
        {undefined, undefined} ->
            Config;
        {Executable, undefined} ->
            Managed = muster_test_nodes:start("managed", []),
            Shell = muster_test_nodes:start("shell", ["-hidden"]),
            muster_test_agents:connect(Shell, Managed),
            _ = snapshot_of(Managed),
            true = peer:call(Shell, erlang, disconnect_node, [muster_test_nodes:name(Managed)]),
            muster_test_nodes:until([], fun() -> peer:call(Managed, erlang, nodes, [connected]) end),
            Dir = filename:join(?config(priv_dir, Config), Case),
            [{managed, Managed}, {shell, Shell}, {alone, snapshot_of(Managed)},
             {real, start_daemon(Executable, filename:join(Dir, "one"))},
             {case_dir, Dir} | Config];
        {undefined, Agent} ->
            Managed = muster_test_nodes:start("managed", []),
            Daemon = muster_test_nodes:start("daemon", ["-hidden"]),
            %% The first snapshot loads what it needs; only then can two be compared.
            muster_test_agents:connect(Daemon, Managed),
            _ = snapshot_of(Managed),
            true = peer:call(Daemon, erlang, disconnect_node, [muster_test_nodes:name(Managed)]),
            muster_test_nodes:until([], fun() -> peer:call(Managed, erlang, nodes, [connected]) end),
            Alone = snapshot_of(Managed),
            muster_test_agents:connect(Daemon, Managed),
            [{managed, Managed}, {daemon, Daemon}, {module, maps:get(module, Agent)},
             {alone, Alone}, {connected, snapshot_of(Managed)} | Config]
    end.

end_per_testcase(_, Config) ->
    [muster_test_nodes:stop(?config(Key, Config)) || Key <- [managed, daemon, shell],
                                                     ?config(Key, Config) =/= undefined],
    [stop_daemon(?config(real, Config)) || ?config(real, Config) =/= undefined],
    ok.

%%% Beams

beams_are_reproducible(Config) ->
    Again = filename:join(?config(priv_dir, Config), "again"),
    Named = fun(Agents) -> [maps:remove(path, Agent) || Agent <- Agents] end,
    ?assertEqual(Named(?config(agents, Config)), Named(muster_test_agents:build(Again))),
    [?assertEqual(file:read_file(filename:join(?config(dir, Config), File)),
                  file:read_file(filename:join(Again, File)))
     || #{file := File} <- ?config(agents, Config)].

beams_are_stripped_and_named_by_version(Config) ->
    [begin
         {ok, <<"FOR1", _/binary>> = Beam} = file:read_file(filename:join(?config(dir, Config), File)),
         {ok, Module, Chunks} = beam_lib:all_chunks(Beam),
         ?assertEqual([], [C || {C, _} <- Chunks, lists:member(C, ["Dbgi", "Abst", "Docs", "CInf"])]),
         ?assertEqual(Version, lists:last(string:split(atom_to_list(Module), "_", all))),
         ?assertEqual(Sha, string:lowercase(
                             binary_to_list(binary:encode_hex(crypto:hash(sha256, Beam)))))
     end || #{file := File, version := Version, sha256 := Sha} <- ?config(agents, Config)].

beams_use_kernel_and_stdlib_only(Config) ->
    [begin
         {ok, {_, [{imports, Imports}]}} =
             beam_lib:chunks(filename:join(?config(dir, Config), File), [imports]),
         ?assertEqual([], lists:usort([M || {M, _, _} <- Imports])
                      -- [application, application_controller, atomics, binary, code, dets, erl_parse,
                          erl_prim_loader, erl_scan, erlang, erts_debug, ets, file, filename,
                          gen, gen_server, inet, io_lib, lists, logger, logger_formatter, maps, os,
                          persistent_term, prim_file, proplists, socket, telemetry, timer,
                          unicode])
     end || #{file := File} <- ?config(agents, Config)].

%% In the Erlang of other Debian releases, as tests/otp provides them; skipped where it cannot. The other
%% two agents go there in muster_agent_events_SUITE.
works_on_otp_23(Config) -> works_on("bullseye", "22", Config).

works_on_otp_27(Config) -> works_on("trixie", "25", Config).

works_on_otp_29(Config) -> works_on("forky", "25", Config).

works_on(Suite, First, Config) ->
    case muster_test_otp:root(Suite) of
        {ok, Root} ->
            [#{module := Module, path := Path, version := Version}] =
                [A || #{agent := "metrics", first := F} = A <- ?config(agents, Config), F =:= First],
            {ok, Beam} = file:read_file(Path),
            Said = muster_test_otp:erl(Root, ["-eval", visit()],
                                       [{"BEAM", base64:encode_to_string(Beam)},
                                        {"MODULE", atom_to_list(Module)}]),
            ?assertEqual(list_to_binary(["sample from ", Version, ", clean\n"]), Said);
        Skip -> Skip
    end.

%% Load, lease, two samples, end of the lease, and nothing left.
visit() ->
    "Module = list_to_atom(os:getenv(\"MODULE\")),
     Beam = base64:decode(os:getenv(\"BEAM\")),
     Self = self(),
     Look = fun() -> {lists:sort(processes()), lists:sort(registered()), lists:sort(ets:all()),
                      erlang:module_loaded(Module), erlang:check_old_code(Module)} end,
     Before = Look(),
     ok = code:atomic_load([{Module, \"agent.beam\", Beam}]),
     Version = Module:vsn(),
     {Holder, Monitor} = spawn_monitor(fun() ->
         {ok, Agent} = Module:start(#{pid => self(), interval_ms => 1000}),
         [receive {muster_agent, metrics, Agent, #{values := #{run_queue := _}, lacking := Lacking}} ->
              [] = maps:keys(Lacking) -- [cpu, disk, mnesia, os, os_limits, os_process,
                                          process_groups, sockets, timers]
          end || _ <- [1, 2]] end),
     receive {'DOWN', Monitor, process, Holder, normal} -> ok after 20000 -> halt(1) end,
     Wait = fun Again(0) -> Look(); Again(N) -> case Look() of
         Before -> clean; _ -> receive after 100 -> Again(N - 1) end end end,
     io:format(\"sample from ~s, ~p~n\", [Version, Wait(50)]), halt().".

%%% What it sends

sends_samples(Config) ->
    Agent = agent(Config),
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
    ok = peer:call(?config(daemon, Config), ?MODULE, agent_of, [{settings, Agent, Settings}]),
    #{interval_ms := 1000, values := First} = Next(),
    ?assertEqual([memory, scheduler_wall_time], lists:sort(maps:keys(First))),
    #{values := #{scheduler_utilization := _}} = Next(),
    #{} = Next(),
    ?assertEqual(nothing, peer:call(?config(daemon, Config), ?MODULE, agent_of, [{next, 2000}])),
    ok = peer:call(?config(daemon, Config), ?MODULE, agent_of, [release]),
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
    ok = peer:call(?config(daemon, Config), ?MODULE, agent_of, [release]),
    same_as_before(Config).

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
    #{managed := Managed, daemon := Daemon} = maps:from_list(Config),
    {Agent, Next} = lease_from(Config, 60000),
    #{interval_ms := 60000} = Next(),
    Busy = peer:call(Managed, ?MODULE, be_busy, [40]),
    Settings = #{live => [memory], live_ms => 30000},
    ok = peer:call(Daemon, ?MODULE, agent_of, [{settings, Agent, Settings}]),
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

%%% How it leaves

leaves_when_released(Config) ->
    {Agent, Next} = lease_from(Config, 1000),
    _ = Next(),
    ok = peer:call(?config(daemon, Config), ?MODULE, agent_of, [release]),
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

stop_ends_all_leases(Config) ->
    {Agent, _} = lease_from(Config, 1000),
    {Agent, _} = lease_from(Config, 1000),
    ok = peer:call(?config(managed, Config), agent(Config), stop, []),
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
        ?assertEqual(muster_test_nodes:name(Second),
                     peer:call(?config(daemon, Config), ?MODULE, agent_of, [taken])),
        _ = Next2(),
        {Back, _} = try_lease(Config, #{interval_ms => 1000, alone => true}),
        ?assertEqual({error, {obeys, muster_test_nodes:name(Second)}}, Back),
        ok = muster_test_nodes:kill(?config(daemon, Config)),
        ok = muster_test_nodes:kill(Second),
        same_as_alone(Config)
    after
        muster_test_nodes:stop(Second)
    end.

callers_survive_the_death_of_the_agent(Config) ->
    {Agent, Next} = lease_from(Config, 60000),
    _ = Next(),
    ?assertEqual({normal, {error, leaving}},
                 peer:call(?config(managed, Config), ?MODULE, call_and_kill,
                           [?config(module, Config), Agent])),
    same_as_before(Config).

leaves_when_it_was_loaded_twice(Config) ->
    {_, Next} = lease_from(Config, 1000),
    _ = Next(),
    ok = peer:call(?config(daemon, Config), ?MODULE, load,
                   [muster_test_nodes:name(?config(managed, Config)), beam(Config)]),
    ok = peer:call(?config(daemon, Config), ?MODULE, agent_of, [release]),
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

%%% The real daemon

the_daemon_is_killed(Config) ->
    #{pid := Pid} = watched(?config(real, Config), #{}, Config),
    _ = os:cmd("kill -9 " ++ Pid),
    same_as_alone(Config).

the_node_is_removed(Config) ->
    Daemon = watched(?config(real, Config), #{}, Config),
    {ok, _} = ask(Daemon, topology, remove_node, #{id => managed_name(Config)}, Config),
    same_as_alone(Config).

%% It comes back, since the node is still watched, and leaves with the last lease as ever.
the_agent_is_killed(Config) ->
    Managed = ?config(managed, Config),
    Daemon = watched(?config(real, Config), #{}, Config),
    [Agent] = agents_in(Managed),
    Pid = peer:call(Managed, erlang, whereis, [Agent]),
    true = peer:call(Managed, erlang, exit, [Pid, kill]),
    muster_test_nodes:until(true, fun() ->
                                          New = peer:call(Managed, erlang, whereis, [Agent]),
                                          is_pid(New) andalso New =/= Pid
                                  end),
    {ok, _} = ask(Daemon, topology, remove_node, #{id => managed_name(Config)}, Config),
    same_as_alone(Config).

a_node_marked_none_gets_nothing(Config) ->
    Daemon = watched(?config(real, Config), #{agents => none}, Config),
    %% One that is added later has them by now.
    Later = ?config(shell, Config),
    {ok, _} = ask(Daemon, topology, add_node, #{name => muster_test_nodes:name(Later)}, Config),
    muster_test_nodes:until(length(agent_names(Config)), fun() -> length(all_agents_in(Later)) end,
                            30000),
    [] = all_agents_in(?config(managed, Config)),
    {ok, _} = ask(Daemon, topology, update_node,
                  #{id => managed_name(Config), agents => all}, Config),
    muster_test_nodes:until(1, fun() -> length(agents_in(?config(managed, Config))) end),
    {ok, _} = ask(Daemon, topology, update_node,
                  #{id => managed_name(Config), agents => none}, Config),
    muster_test_nodes:until([], fun() -> agents_in(?config(managed, Config)) end).

%% The modules of the application are leased as they are, and stay; another version is not touched.
a_node_that_includes_them_gets_no_code(Config) ->
    Managed = ?config(managed, Config),
    ok = peer:call(Managed, application, start, [muster_agents]),
    Before = snapshot_of(Managed),
    Daemon = watched(?config(real, Config), #{}, Config),
    Included = [list_to_atom("muster_agent_" ++ Name) || Name <- agent_names(Config)],
    ?assertEqual(Included, lists:sort(all_agents_in(Managed))),
    {ok, _} = ask(Daemon, topology, remove_node, #{id => managed_name(Config)}, Config),
    muster_test_nodes:until(#{}, fun() -> maps:filter(fun(K, V) -> V =/= maps:get(K, Before) end,
                                                      snapshot_of(Managed)) end),
    [true = peer:call(Managed, erlang, module_loaded, [M]) || M <- Included],
    ok = peer:call(Managed, application, stop, [muster_agents]),
    ok = peer:call(Managed, application, unload, [muster_agents]),
    ok = peer:call(Managed, application, load,
                   [{application, muster_agents, [{vsn, "0.0.1"}, {applications, [kernel]}]}]),
    ok = peer:call(Managed, application, start, [muster_agents]),
    {ok, _} = ask(Daemon, topology, add_node, #{name => managed_name(Config)}, Config),
    Lacking = fun() ->
                      {ok, Node} = ask(Daemon, topology, get_node, #{id => managed_name(Config)},
                                       Config),
                      map_size(maps:get(agents_lacking, Node, #{}))
              end,
    muster_test_nodes:until(length(Included), Lacking),
    [] = all_agents_in(Managed).

%% The second keeps its hands off until the first is gone.
two_real_daemons(Config) ->
    #{pid := Pid, node := First} = watched(?config(real, Config), #{}, Config),
    Second = start_daemon(?config(executable, Config),
                          filename:join(?config(case_dir, Config), "two")),
    try
        #{pid := Pid2} = watched(Second, #{}, Config),
        Lacking = fun() ->
                          {ok, Node} = ask(Second, topology, get_node,
                                           #{id => managed_name(Config)}, Config),
                          maps:get(agents_lacking, Node, #{})
                  end,
        Count = length(agent_names(Config)),
        muster_test_nodes:until(Count, fun() -> map_size(Lacking()) end),
        [?assertNotEqual(nomatch, string:find(Why, atom_to_list(First)))
         || Why <- maps:values(Lacking())],
        [Agent] = agents_in(?config(managed, Config)),
        Agent1 = peer:call(?config(managed, Config), erlang, whereis, [Agent]),
        _ = os:cmd("kill -9 " ++ Pid),
        muster_test_nodes:until(false, fun() -> lists:member(First, connected(Config)) end),
        muster_test_nodes:until(0, fun() -> map_size(Lacking()) end, 40000),
        ?assertNotEqual(Agent1, peer:call(?config(managed, Config), erlang, whereis, [Agent])),
        _ = os:cmd("kill -9 " ++ Pid2),
        same_as_alone(Config)
    after
        stop_daemon(Second)
    end.

start_daemon(Executable, Dir) ->
    CookieFile = filename:join(Dir, "cookie"),
    ok = filelib:ensure_dir(CookieFile),
    ok = file:write_file(CookieFile, "test"),
    ok = file:change_mode(CookieFile, 8#600),
    Name = "muster_" ++ integer_to_list(erlang:unique_integer([positive])) ++ "@127.0.0.1",
    Http = "127.0.0.1:" ++ muster_test_nodes:free_port(),
    Port = open_port({spawn_executable, Executable},
                     [{args, ["serve", "--name", Name, "--cookie-file", CookieFile, "--data-dir",
                              filename:join(Dir, "data"), "--http", Http,
                              "--exit-on-stdin-close"]},
                      {env, [{"HOME", Dir}]},   % a cookie that lies in the user's is none of its business
                      stderr_to_stdout, exit_status]),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    #{node => list_to_atom(Name), pid => integer_to_list(Pid), port => Port}.

stop_daemon(#{pid := Pid}) -> os:cmd("kill -9 " ++ Pid).

%% The daemon watches the managed node, which is UP and has its agent, if it may.
watched(Daemon, Options, Config) ->
    muster_test_nodes:until({ok, hello},
                            fun() -> ask(Daemon, muster, echo, hello, Config) end, 30000),
    {ok, _} = ask(Daemon, topology, add_node, Options#{name => managed_name(Config)}, Config),
    muster_test_nodes:until('UP', fun() ->
                                          {ok, #{state := State}} =
                                              ask(Daemon, topology, get_node,
                                                  #{id => managed_name(Config)}, Config),
                                          State
                                  end, 30000),
    case Options of
        #{agents := none} -> ok;
        #{} ->
            Are = fun() -> length(all_agents_in(?config(managed, Config))) end,
            muster_test_nodes:until(length(agent_names(Config)), Are)
    end,
    Daemon.

ask(#{node := Node}, Service, Operation, Args, Config) ->
    try peer:call(?config(shell, Config), gen_server, call, [{Service, Node}, {Operation, Args}])
    catch exit:Reason -> {exit, Reason}
    end.

%% In order.
agent_names(Config) -> lists:usort([Name || #{agent := Name} <- ?config(agents, Config)]).

agents_in(Managed) ->
    [Name || Name <- all_agents_in(Managed), lists:prefix("muster_agent_metrics_", atom_to_list(Name))].

all_agents_in(Managed) ->
    [Name || Name <- peer:call(Managed, erlang, registered, []),
             lists:prefix("muster_agent_", atom_to_list(Name))].

connected(Config) -> peer:call(?config(managed, Config), erlang, nodes, [connected]).

managed_name(Config) -> muster_test_nodes:name(?config(managed, Config)).

%%% On the peers

snapshot() -> muster_test_agents:snapshot().

%% Not code:load_binary: that one kills whoever runs old code of the module.
load(Managed, {Module, File, Beam}) ->
    case erpc:call(Managed, code, atomic_load, [[{Module, File, Beam}]]) of
        ok -> ok;
        {error, [{Module, Reason}]} -> {error, Reason}
    end.

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

%% Calls start/1 and kills the agent before it can answer; how the caller ends, and with what.
call_and_kill(Module, Agent) ->
    true = erlang:suspend_process(Agent),
    Self = self(),
    {Caller, Monitor} =
        spawn_monitor(fun() -> Self ! {self(), Module:start(#{pid => Self})} end),
    muster_test_nodes:until({message_queue_len, 1},
                            fun() -> process_info(Agent, message_queue_len) end),
    exit(Agent, kill),
    Answer = receive {Caller, A} -> A after 10000 -> none end,
    receive {'DOWN', Monitor, process, Caller, Reason} -> {Reason, Answer} end.

%% A process that holds a lease and keeps what it gets for the test to fetch.
lease(Managed, Module, Interval) ->
    Caller = self(),
    Holder = spawn(fun() ->
                           Lease = (options(Interval))#{pid => self()},
                           Result = erpc:call(Managed, Module, start, [Lease]),
                           Caller ! {self(), Result},
                           hold(Result)
                   end),
    receive {Holder, Result} -> {Result, Holder} after 10000 -> error(no_answer) end.

options(#{} = Options) -> Options;
options(Interval) -> #{interval_ms => Interval}.

hold({ok, Agent} = Result) ->
    receive
        {taken, From, Ref} ->
            receive {muster_agent_taken, metrics, Agent, By} -> From ! {Ref, By} end,
            hold(Result);
        {{next, Limit}, From, Ref} ->
            receive {muster_agent, metrics, Agent, Sample} -> From ! {Ref, Sample}
            after Limit -> From ! {Ref, nothing} end,
            hold(Result);
        {{settings, Agent, Map}, From, Ref} ->
            Agent ! {muster_agent_settings, self(), Map},
            From ! {Ref, ok},
            hold(Result);
        {release, From, Ref} ->
            Agent ! {muster_agent_release, self()},
            From ! {Ref, ok},
            hold(Result)
    end;
hold({error, _}) ->
    ok.

agent_of(What) -> agent_of(What, [P || P <- processes(), is_holder(P)]).

agent_of(What, [Holder | Others]) ->
    Ref = make_ref(),
    Holder ! {What, self(), Ref},
    Reply = receive {Ref, R} -> R after 15000 -> error(no_answer) end,
    case What of
        release when Others =/= [] -> agent_of(What, Others);
        _ -> Reply
    end.

is_holder(P) ->
    case process_info(P, current_function) of
        {current_function, {?MODULE, hold, 1}} -> true;
        _ -> false
    end.

%% What a daemon does, many times over: ask for the version, load, start, release.
come_and_go(_, _, 0) ->
    ok;
come_and_go(Managed, {Module, _, _} = Beam, N) ->
    case erpc:call(Managed, erlang, module_loaded, [Module]) of
        true -> ok;
        false -> erpc:call(Managed, code, soft_purge, [Module]), load(Managed, Beam)
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

%%% Helpers

agent(Config) -> ?config(module, Config).

beam(Config) ->
    #{module := Module, file := File} = ?config(agent, Config),
    {ok, Beam} = file:read_file(filename:join(?config(dir, Config), File)),
    {Module, File, Beam}.

load_from(Config) ->
    peer:call(?config(daemon, Config), ?MODULE, load,
              [muster_test_nodes:name(?config(managed, Config)), beam(Config)]).

lease_from(Config, Interval) ->
    {{ok, Agent}, Next} = try_lease(Config, Interval),
    {Agent, Next}.

%% The version is asked first, as the daemon does.
try_lease(Config, Interval) ->
    #{managed := Managed, daemon := Daemon, module := Module} = maps:from_list(Config),
    case peer:call(Managed, erlang, module_loaded, [Module]) of
        true -> ok;
        false -> ok = load_from(Config)
    end,
    {Result, Holder} =
        peer:call(Daemon, ?MODULE, lease, [muster_test_nodes:name(Managed), Module, Interval]),
    {Result, fun() ->
                     #{} = peer:call(Daemon, ?MODULE, agent_of, [{next, 10000}, [Holder]], 20000)
             end}.

guard_of(Managed, Agent) ->
    {monitors, Monitors} = peer:call(Managed, erlang, process_info, [Agent, monitors]),
    case [P || {process, P} <- Monitors, node(P) =:= node(Agent)] of
        [Guard] -> Guard;
        [] -> none
    end.

snapshot_of(Node) -> peer:call(Node, ?MODULE, snapshot, []).

%% As before the agent came, with the daemon connected or alone.
same_as_before(Config) -> same_as(connected, Config).

same_as_alone(Config) -> same_as(alone, Config).

same_as(Key, Config) ->
    Before = ?config(Key, Config),
    muster_test_nodes:until(#{}, fun() ->
                                         After = snapshot_of(?config(managed, Config)),
                                         maps:filter(fun(K, V) -> V =/= maps:get(K, Before) end,
                                                     After)
                                 end).
