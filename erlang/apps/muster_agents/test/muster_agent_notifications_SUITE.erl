%% The agent "notifications" against real nodes: each kind of event is provoked, and nothing is left behind.
-module(muster_agent_notifications_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").
-import(muster_test_guest, [guest/1, call/4, call/5, back_to_normal/2, back_to_normal/3, until_said/1]).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([reports_are_handed_on/1, levels_change_at_run_time/1, remote_events_are_not_ours/1,
         a_storm_is_dropped_before_it_costs/1, crashes_of_large_states_are_survived/1,
         big_terms_are_bounded/1, scheduler_events_arrive/1,
         an_owned_system_monitor_is_left_alone/1, a_lost_system_monitor_is_not_taken_back/1,
         a_crash_dump_is_found/1, lager_is_listened_to/1, a_lost_handler_comes_back/1]).
%% Called on the peers.
-export([crash/0, fail_child/0, init/1, storm/2, garbage/0, stall_port/0, silent/1, hold_monitor/0,
         crash_large/1, handle_cast/2]).

all() -> [{group, log}, {group, others}, a_storm_is_dropped_before_it_costs,
          crashes_of_large_states_are_survived, scheduler_events_arrive].

groups() ->
    %% Cases that mostly wait do so together, a few at a time; what is measured is measured alone.
    [{log, [parallel], [reports_are_handed_on, levels_change_at_run_time,
                        remote_events_are_not_ours, big_terms_are_bounded,
                        a_lost_handler_comes_back]},
     {others, [parallel], [an_owned_system_monitor_is_left_alone,
                           a_lost_system_monitor_is_not_taken_back,
                           a_crash_dump_is_found, lager_is_listened_to]}].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(_, Config) -> Config.

end_per_group(_, _) -> ok.

init_per_testcase(Case, Config) ->
    muster_test_guest:init_per_testcase("notifications", args(Case, Config), Config).

end_per_testcase(_, Config) -> muster_test_guest:end_per_testcase(Config).

args(a_crash_dump_is_found, Config) -> ["-env", "ERL_CRASH_DUMP", dump(Config)];
args(_, _) -> [].

%%% What is logged

reports_are_handed_on(Config) ->
    Guest = guest(Config),
    ok = call(Config, ?MODULE, crash, []),
    ok = call(Config, ?MODULE, fail_child, []),
    ok = call(Config, error_logger, error_msg, ["old ~p", [style]]),
    ok = call(Config, logger, error, ["new ~p", [style]]),
    ok = call(Config, logger, error, [#{what => "structured", n => 1}]),
    #{source := sasl, severity := error, text := Crash, report := #{label := {proc_lib, crash}},
      pid := <<"<", _/binary>>} = entry(Guest, #{kind => crash_report}),
    ?assertMatch({_, _}, binary:match(Crash, <<"on_purpose">>)),
    #{source := sasl, report := #{label := {supervisor, Why}}, mfa := {?MODULE, silent, 1}} =
        entry(Guest, #{kind => supervisor_report}),
    ?assert(lists:member(Why, [start_error, child_terminated])),
    #{source := error_logger} = entry(Guest, #{text => <<"old style">>}),
    #{source := logger, at := At, application := _} = entry(Guest, #{text => <<"new style">>}),
    ?assert(abs(At - erlang:system_time(microsecond)) < 60000000),
    #{report := #{what := <<"structured">>, n := 1}} = entry(Guest, #{kind => report}),
    back_to_normal(Guest, Config).

levels_change_at_run_time(Config) ->
    Guest = guest(Config),
    Primary = call(Config, logger, get_primary_config, []),
    Log = fun(Level, Text) -> ok = call(Config, logger, Level, [Text]) end,
    Log(warning, "one"),
    Log(error, "two"),
    #{severity := error} = entry(Guest, #{text => <<"two">>}),
    ?assertEqual(none, find(Guest, #{text => <<"one">>})),
    ok = muster_test_agents:tell(Guest, #{levels => #{logger => notice}}),
    until_level(notice, Config),
    Log(notice, "three"),
    #{severity := notice} = entry(Guest, #{text => <<"three">>}),
    ok = muster_test_agents:tell(Guest, #{levels => #{logger => none}}),
    until_level(error, Config),
    Log(critical, "four"),
    ok = call(Config, error_logger, error_msg, ["five"]),
    _ = entry(Guest, #{text => <<"five">>}),
    ?assertEqual(none, find(Guest, #{text => <<"four">>})),
    ?assertEqual(Primary, call(Config, logger, get_primary_config, [])),
    back_to_normal(Guest, Config).

%% What a process here logs for a user on another node is logged there.
remote_events_are_not_ours(Config) ->
    Guest = guest(Config),
    Name = muster_test_nodes:name(?config(managed, Config)),
    ok = peer:call(?config(daemon, Config), erpc, call, [Name, logger, error, ["foreign"]]),
    ok = call(Config, logger, error, ["own"]),
    _ = entry(Guest, #{text => <<"own">>}),
    ?assertEqual(none, find(Guest, #{text => <<"foreign">>})).

%% Four processes log as fast as they can. What is kept is the rate, what is not is counted, the
%% agent stays small, and another agent's samples come in time.
a_storm_is_dropped_before_it_costs(Config) ->
    [Other | _] = [A || #{agent := N, first := "25"} = A <- ?config(agents, Config),
                        N =/= "notifications", N =/= "alarms"],
    #{agent := Pid} = Guest = guest(Config),
    Beside = muster_test_agents:guest(?config(daemon, Config), ?config(managed, Config), Other, 1000),
    ok = muster_test_agents:tell(Guest, #{rate => 50, interval_ms => 1000}),
    {First, _} = call(Config, ?MODULE, storm, [error, 500]),
    Counted = fun() -> length(entries(Guest)) + drops(Guest) end,
    muster_test_nodes:until(First, Counted),
    Tick = length(muster_test_agents:said(Beside)),
    {Events, Micros} = call(Config, ?MODULE, storm, [error, 5000], 30000),
    {memory, Memory} = call(Config, erlang, process_info, [Pid, memory]),
    Ticks = length(muster_test_agents:said(Beside)) - Tick,
    ?assert(Ticks >= 4),
    ?assert(Memory < 262144),
    muster_test_nodes:until(First + Events, Counted, 5000),
    Kept = length(entries(Guest)),
    ?assert(Kept =< 50 * 10 + 100),
    back_to_normal(Guest, Beside, Config),
    Figures = io_lib:format("~b events/s, ~.2f us each; agent ~b bytes; ~b samples of ~s; ~b kept",
                            [Events div 5, Micros / Events, Memory, Ticks, maps:get(agent, Other),
                             Kept]),
    {comment, lists:flatten(Figures)}.

%% What is on its way is bounded in words, not in reports.
crashes_of_large_states_are_survived(Config) ->
    #{agent := Pid} = Guest = guest(Config),
    ok = muster_test_agents:tell(Guest, #{interval_ms => 1000}),
    ok = call(Config, ?MODULE, crash_large, [100]),
    %% A report of the server's and one of its process's.
    muster_test_nodes:until(200, fun() -> length(entries(Guest)) + drops(Guest) end),
    ?assert(length(entries(Guest)) >= 10),
    true = call(Config, erlang, is_process_alive, [Pid]),
    back_to_normal(Guest, Config).

big_terms_are_bounded(Config) ->
    Guest = guest(Config),
    Big = #{list => lists:seq(1, 100000), binary => binary:copy(<<"x">>, 1000000),
            string => lists:duplicate(100000, $y), tuple => erlang:make_tuple(10000, a),
            map => maps:from_list([{N, N} || N <- lists:seq(1, 10000)]),
            'fun' => fun() -> ok end, deep => lists:foldl(fun(_, A) -> [A] end, [], lists:seq(1, 500)),
            number => 1 bsl 100000, improper => [a | b], tail => <<1:3>>},
    ok = call(Config, logger, error, [Big]),
    #{report := Report, text := Text} = entry(Guest, #{kind => report}),
    ?assert(erts_debug:flat_size(Report) < 4000),
    ?assert(byte_size(Text) =< 8192),
    #{string := <<"yyy", _/binary>>, number := '...', improper := [a, b], 'fun' := <<"#Fun", _/binary>>}
        = Report.

a_lost_handler_comes_back(Config) ->
    Guest = guest(Config),
    ok = call(Config, logger, remove_handler, [muster_notifications]),
    ok = muster_test_agents:tell(Guest, #{rate => 99}),
    until_level(error, Config),
    ok = call(Config, logger, error, ["again"]),
    _ = entry(Guest, #{text => <<"again">>}),
    back_to_normal(Guest, Config).

%% Debian's package erlang-lager; skipped where it is not installed.
lager_is_listened_to(Config) ->
    case code:lib_dir(lager) of
        {error, _} -> {skip, "lager is not installed"};
        _ ->
            ok = call(Config, application, load, [lager]),
            ok = call(Config, application, set_env, [lager, log_root, ?config(priv_dir, Config)]),
            {ok, _} = call(Config, application, ensure_all_started, [lager]),
            Before = settled(Config),
            Level = call(Config, lager_config, get, [loglevel]),
            #{agent := Pid} = Guest = guest(Config),
            Log = fun(Severity, Text) ->
                          Meta = [{module, m}, {function, f}, {line, 1}, {pid, Pid}],
                          call(Config, lager, log, [Severity, Meta, Text, []])
                  end,
            Log(error, "by lager"),
            Log(notice, "too quiet"),
            #{source := lager, severity := error, mfa := {m, f, _}} =
                entry(Guest, #{text => <<"by lager">>}),
            ok = call(Config, error_logger, error_msg, ["redirected"]),
            _ = entry(Guest, #{text => <<"redirected">>}),
            Log(error, "after it"),
            _ = entry(Guest, #{text => <<"after it">>}),
            ?assertMatch([_], [E || #{text := <<"redirected">>} = E <- entries(Guest)]),
            ?assertEqual(none, find(Guest, #{text => <<"too quiet">>})),
            ?assertEqual(Level, call(Config, lager_config, get, [loglevel])),
            ok = muster_test_agents:release(Guest),
            muster_test_agents:same(?config(managed, Config), Before, [])
    end.

%%% What the scheduler and the collector complain about

scheduler_events_arrive(Config) ->
    Guest = guest(Config),
    ok = muster_test_agents:tell(Guest, #{levels => #{system_monitor => warning},
                                          system_monitor => #{long_gc => 10, large_heap => 1000000}}),
    muster_test_nodes:until(10, fun() ->
                                        {_, Flags} = call(Config, erlang, system_monitor, []),
                                        proplists:get_value(long_gc, Flags)
                                end),
    ok = call(Config, ?MODULE, garbage, [], 30000),
    #{severity := warning, report := #{info := #{timeout := _}}} = entry(Guest, #{kind => long_gc}),
    _ = entry(Guest, #{kind => large_heap}),
    ok = call(Config, ?MODULE, stall_port, []),
    #{report := #{info := #{port := _, name := _}, current_function := _}} =
        entry(Guest, #{kind => busy_port}),
    Intervals = length(counts(Guest)),
    ok = muster_test_agents:tell(Guest, #{interval_ms => 1000}),
    muster_test_nodes:until(true, fun() -> length(counts(Guest)) > Intervals end),
    #{long_gc := N, busy_port := 1} = lists:nth(Intervals + 1, counts(Guest)),
    ?assert(N >= 1),
    back_to_normal(Guest, Config).

an_owned_system_monitor_is_left_alone(Config) ->
    Owner = call(Config, ?MODULE, hold_monitor, []),
    Before = muster_test_agents:look(?config(managed, Config)),
    Guest = guest(Config),
    [#{lacking := #{system_monitor := Why}} | _] = until_said(Guest),
    ?assertMatch({_, _}, binary:match(Why, <<"somebody">>)),
    {Owner, [busy_port]} = call(Config, erlang, system_monitor, []),
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), Before, []).

a_lost_system_monitor_is_not_taken_back(Config) ->
    #{agent := Pid} = Guest = guest(Config),
    {Pid, _} = call(Config, erlang, system_monitor, []),
    Owner = call(Config, ?MODULE, hold_monitor, []),
    ok = muster_test_agents:tell(Guest, #{levels => #{logger => warning}}),
    until_level(warning, Config),
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), [processes, registered, flags]),
    {Owner, [busy_port]} = call(Config, erlang, system_monitor, []).

%%% A crash dump of an earlier life

a_crash_dump_is_found(Config) ->
    ok = file:write_file(dump(Config), "=erl_crash_dump:0.5\nSat Nov 21 05:00:00 2026\n"
                         "Slogan: no more pigeons\nSystem version: none\n"),
    Guest = guest(Config),
    Path = list_to_binary(dump(Config)),
    #{source := crash_dump, text := Text, report := #{slogan := <<"no more pigeons">>, path := Path}} =
        entry(Guest, #{kind => crash_dump}),
    ?assertMatch({_, _}, binary:match(Text, Path)).

dump(Config) -> filename:join(?config(priv_dir, Config), "erl_crash.dump").

%%% Helpers

entries(Guest) -> lists:append([Es || #{entries := Es} <- muster_test_agents:said(Guest)]).

drops(Guest) ->
    lists:sum([lists:sum(maps:values(D)) || #{dropped := D} <- muster_test_agents:said(Guest)]).

find(Guest, Wanted) ->
    case [E || E <- entries(Guest), maps:with(maps:keys(Wanted), E) =:= Wanted] of
        [Entry | _] -> Entry;
        [] -> none
    end.

entry(Guest, Wanted) ->
    try muster_test_nodes:until(true, fun() -> find(Guest, Wanted) =/= none end)
    catch error:_ -> error({not_handed_on, Wanted, entries(Guest)})
    end,
    find(Guest, Wanted).

%% The counts of each interval, oldest first.
counts(Guest) -> [Counts || #{counts := Counts} <- muster_test_agents:said(Guest)].

%% The node's look once it stays the same for half a second: an application has really started.
settled(Config) -> settled(Config, muster_test_agents:look(?config(managed, Config)), 20).

settled(Config, Look, N) when N > 0 ->
    timer:sleep(500),
    case muster_test_agents:look(?config(managed, Config)) of
        Look -> Look;
        Other -> settled(Config, Other, N - 1)
    end.

until_level(Level, Config) ->
    muster_test_nodes:until(Level, fun() ->
                                           case call(Config, logger, get_handler_config,
                                                     [muster_notifications]) of
                                               {ok, #{level := L}} -> L;
                                               Other -> Other
                                           end
                                   end).

%%% On the peers

crash() ->
    {Pid, Ref} = spawn_monitor(fun() -> proc_lib:init_p(self(), [], ?MODULE, silent, [on_purpose]) end),
    receive {'DOWN', Ref, process, Pid, _} -> ok end.

silent(Reason) -> error(Reason).

%% As many servers crash, whose states are all parts.
crash_large(N) ->
    Servers = [begin {ok, Pid} = gen_server:start(?MODULE, server, []), Pid end || _ <- lists:seq(1, N)],
    lists:foreach(fun(Pid) -> gen_server:cast(Pid, crash) end, Servers).

handle_cast(crash, _) -> error(on_purpose).

fail_child() ->
    process_flag(trap_exit, true),
    {error, _} = supervisor:start_link(?MODULE, []),
    ok.

init(server) -> {ok, lists:duplicate(30, [maps:new() || _ <- lists:seq(1, 30)])};
init(_) -> {ok, {#{}, [#{id => child, start => {?MODULE, silent, [no_start]}}]}}.

%% How many were logged in that time, and the microseconds that the processes spent.
storm(Level, Ms) ->
    Self = self(),
    Until = erlang:monotonic_time(millisecond) + Ms,
    Pids = [spawn(fun() -> Self ! {self(), log_until(Level, Until, 0)} end) || _ <- lists:seq(1, 4)],
    {_, Began} = {ok, erlang:monotonic_time(microsecond)},
    Events = lists:sum([receive {Pid, N} -> N end || Pid <- Pids]),
    {Events, (erlang:monotonic_time(microsecond) - Began) * min(4, erlang:system_info(schedulers_online))}.

log_until(Level, Until, N) ->
    case erlang:monotonic_time(millisecond) >= Until of
        true -> N;
        false -> logger:log(Level, "storm ~p of ~p", [N, self()]), log_until(Level, Until, N + 1)
    end.

garbage() ->
    {Pid, Ref} = spawn_monitor(fun() ->
                                       L = lists:seq(1, 3000000),
                                       erlang:garbage_collect(),
                                       exit({done, hd(L)})
                               end),
    receive {'DOWN', Ref, process, Pid, {done, 1}} -> ok end.

%% A process that is suspended because nobody reads what it writes.
stall_port() ->
    {ok, Listen} = gen_tcp:listen(0, [{ip, {127, 0, 0, 1}}, {active, false}, {recbuf, 1024}]),
    {ok, Port} = inet:port(Listen),
    Pid = spawn(fun() ->
                        {ok, S} = gen_tcp:connect({127, 0, 0, 1}, Port,
                                                  [binary, {sndbuf, 1024}, {active, false}]),
                        [port_command(S, binary:copy(<<0>>, 100000)) || _ <- lists:seq(1, 1000)]
                end),
    {ok, _} = gen_tcp:accept(Listen),
    muster_test_nodes:until({status, suspended}, fun() -> process_info(Pid, status) end),
    exit(Pid, kill),
    gen_tcp:close(Listen).

hold_monitor() ->
    Self = self(),
    Pid = spawn(fun() ->
                        register(somebody, self()),
                        _ = erlang:system_monitor(self(), [busy_port]),
                        Self ! {self(), ready},
                        receive stop -> ok end
                end),
    receive {Pid, ready} -> Pid end.
