%% The agents "notifications" and "alarms" against real nodes: each kind of event is provoked, and
%% nothing is left behind. The node under test is alone with one "daemon" (muster_test_agents).
-module(muster_agent_events_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([reports_are_handed_on/1, levels_change_at_run_time/1, remote_events_are_not_ours/1,
         a_storm_is_dropped_before_it_costs/1, crashes_of_large_states_are_survived/1,
         big_terms_are_bounded/1, scheduler_events_arrive/1,
         an_owned_system_monitor_is_left_alone/1, a_lost_system_monitor_is_not_taken_back/1,
         a_crash_dump_is_found/1, lager_is_listened_to/1, a_lost_handler_comes_back/1]).
-export([sasl_alarms_are_handed_on/1, alarms_that_were_there_before/1, many_that_were_there_before/1,
         wide_ids_are_told_too/1]).
-export([alarms_beside_another_handler/1,
         long_queues_are_found/1, old_code_is_found/1, checks_are_sent_when_they_change/1,
         broken_applications_are_found/1, mnesia_is_listened_to/1, elarm_is_listened_to/1]).
-export([leaves_during_a_scan/1, leaves_when_released/1, leaves_when_it_is_killed/1, leaves_when_the_daemon_is_killed/1,
         leaves_when_guard_and_agent_are_killed/1]).
-export([works_on_otp_23/1, works_on_otp_27/1, works_on_otp_29/1]).
%% Called on the peers.
-export([crash/0, fail_child/0, init/1, storm/2, garbage/0, stall_port/0, silent/1, hold_monitor/0,
         queue_of/2, listen/0, crash_large/1, handle_cast/2, crowd/1, code_of/1]).

all() -> [{group, notifications}, {group, alarms}, {group, notifications_leave}, {group, alarms_leave},
          {group, other_releases}].

groups() ->
    Leave = [leaves_when_released, leaves_when_it_is_killed, leaves_when_the_daemon_is_killed,
             leaves_when_guard_and_agent_are_killed],
    %% Cases that mostly wait do so together, a few at a time; what is measured is measured alone.
    [{notifications, [], [{group, notifications_log}, {group, notifications_others},
                          a_storm_is_dropped_before_it_costs, crashes_of_large_states_are_survived,
                          scheduler_events_arrive]},
     {notifications_log, [parallel], [reports_are_handed_on, levels_change_at_run_time,
                                      remote_events_are_not_ours, big_terms_are_bounded,
                                      a_lost_handler_comes_back]},
     {notifications_others, [parallel], [an_owned_system_monitor_is_left_alone,
                                         a_lost_system_monitor_is_not_taken_back,
                                         a_crash_dump_is_found, lager_is_listened_to]},
     {alarms, [], [{group, alarms_raised}, {group, alarms_looked_for}]},
     {alarms_raised, [parallel], [sasl_alarms_are_handed_on, alarms_that_were_there_before,
                                  many_that_were_there_before, wide_ids_are_told_too,
                                  alarms_beside_another_handler,
                                  mnesia_is_listened_to, elarm_is_listened_to]},
     {alarms_looked_for, [parallel], [long_queues_are_found, old_code_is_found,
                                      checks_are_sent_when_they_change,
                                      broken_applications_are_found]},
     {notifications_leave, [parallel], Leave},
     {alarms_leave, [parallel], [leaves_during_a_scan | Leave]},
     {other_releases, [parallel], [works_on_otp_23, works_on_otp_27, works_on_otp_29]}].

init_per_suite(Config) ->
    Epmd = muster_test_nodes:start_epmd(),
    Agents = muster_test_agents:build(filename:join(?config(priv_dir, Config), "agents")),
    [{epmd, Epmd}, {agents, Agents} | Config].

end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

init_per_group(Group, Config) ->
    [Name | _] = string:split(atom_to_list(Group), "_"),
    [{agent_name, Name} | Config].

end_per_group(_, _) -> ok.

init_per_testcase(Case, Config) when Case =:= works_on_otp_23; Case =:= works_on_otp_27;
                                     Case =:= works_on_otp_29 ->
    Config;
init_per_testcase(Case, Config) ->
    Managed = muster_test_nodes:start("managed", args(Case, Config)),
    Daemon = muster_test_nodes:start("daemon", ["-hidden"]),
    {ok, _} = peer:call(Managed, application, ensure_all_started, [sasl]),
    ok = peer:call(Managed, logger, set_primary_config, [level, notice]),
    ok = peer:call(Managed, logger, remove_handler, [default]),
    _ = muster_test_agents:look(Managed),
    Alone = muster_test_agents:look(Managed),
    muster_test_agents:connect(Daemon, Managed),
    Agent = (muster_test_agents:beam(?config(agent_name, Config), ?config(agents, Config)))("25"),
    [{managed, Managed}, {daemon, Daemon}, {agent, Agent}, {alone, Alone},
     {before, muster_test_agents:look(Managed)} | Config].

end_per_testcase(_, Config) ->
    [muster_test_nodes:stop(?config(Key, Config)) || Key <- [managed, daemon],
                                                     ?config(Key, Config) =/= undefined],
    ok.

args(a_crash_dump_is_found, Config) -> ["-env", "ERL_CRASH_DUMP", dump(Config)];
args(_, _) -> [].

%%% Notifications

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

a_crash_dump_is_found(Config) ->
    ok = file:write_file(dump(Config), "=erl_crash_dump:0.5\nSat Nov 21 05:00:00 2026\n"
                         "Slogan: no more pigeons\nSystem version: none\n"),
    Guest = guest(Config),
    Path = list_to_binary(dump(Config)),
    #{source := crash_dump, text := Text, report := #{slogan := <<"no more pigeons">>, path := Path}} =
        entry(Guest, #{kind => crash_dump}),
    ?assertMatch({_, _}, binary:match(Text, Path)).

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

a_lost_handler_comes_back(Config) ->
    Guest = guest(Config),
    ok = call(Config, logger, remove_handler, [muster_notifications]),
    ok = muster_test_agents:tell(Guest, #{rate => 99}),
    until_level(error, Config),
    ok = call(Config, logger, error, ["again"]),
    _ = entry(Guest, #{text => <<"again">>}),
    back_to_normal(Guest, Config).

%%% Alarms

sasl_alarms_are_handed_on(Config) ->
    Guest = guest(Config),
    ok = call(Config, alarm_handler, set_alarm, [{{disk_almost_full, "/"}, [{used, 93}]}]),
    Id = {disk_almost_full, <<"/">>},
    #{source := sasl, severity := indeterminate, description := [{used, 93}], at := _} =
        alarm(Guest, Id),
    ok = call(Config, alarm_handler, clear_alarm, [{disk_almost_full, "/"}]),
    muster_test_nodes:until(true, fun() -> lists:member(Id, cleared(Guest)) end),
    ?assertEqual([[elarm, mnesia, sasl]], complete(Guest)),
    back_to_normal(Guest, Config).

alarms_that_were_there_before(Config) ->
    ok = call(Config, alarm_handler, set_alarm, [{early, bird}]),
    Guest = guest(Config),
    #{description := bird} = alarm(Guest, early),
    ?assert(lists:any(fun(#{present := P}) -> lists:member(early, P); (_) -> false end,
                      muster_test_agents:said(Guest))),
    ok = call(Config, alarm_handler, clear_alarm, [early]),
    muster_test_nodes:until(true, fun() -> lists:member(early, cleared(Guest)) end),
    back_to_normal(Guest, Config).

%% All in one message were more than the daemon takes in one.
many_that_were_there_before(Config) ->
    Ids = [{many, N} || N <- lists:seq(1, 300)],
    [ok = call(Config, alarm_handler, set_alarm, [{Id, lists:duplicate(20, Id)}]) || Id <- Ids],
    Told = fun(Who) ->
                   Raised = [R || #{raised := R} <- muster_test_agents:said(Who)],
                   [?assert(erlang:external_size(R) < 30000) || R <- Raised],
                   lists:usort([I || R <- Raised, #{id := {many, _} = I} <- R])
           end,
    Guest = guest(Config),
    muster_test_nodes:until(Ids, fun() -> Told(Guest) end),
    Later = guest(Config),   % the agent knows them, and tells them to this one alone
    muster_test_nodes:until(Ids, fun() -> Told(Later) end),
    [ok = call(Config, alarm_handler, clear_alarm, [Id]) || Id <- Ids],
    muster_test_nodes:until([], fun() -> Ids -- cleared(Guest) end),
    back_to_normal(Guest, Later, Config).

%% Their list alone were half of what the daemon takes in one message.
wide_ids_are_told_too(Config) ->
    Ids = [list_to_tuple([wide, N | lists:duplicate(27, x)]) || N <- lists:seq(1, 600)],
    [ok = call(Config, alarm_handler, set_alarm, [{Id, []}]) || Id <- Ids],
    Guest = guest(Config),
    Told = fun() ->
                   Raised = [R || #{raised := R} <- muster_test_agents:said(Guest)],
                   lists:usort([Id || R <- Raised, #{id := Id} <- R])
           end,
    muster_test_nodes:until(Ids, Told),
    ?assertEqual([], [Present || #{present := Present} <- muster_test_agents:said(Guest)]),
    [ok = call(Config, alarm_handler, clear_alarm, [Id]) || Id <- Ids],
    muster_test_nodes:until([], fun() -> Ids -- cleared(Guest) end),
    back_to_normal(Guest, Config).

%% A host that has put something else in the place of the usual handler.
alarms_beside_another_handler(Config) ->
    {alarm_handler, []} =
        call(Config, gen_event, delete_handler, [alarm_handler, alarm_handler, swap]),
    Before = muster_test_agents:look(?config(managed, Config)),
    Guest = guest(Config),
    ok = call(Config, alarm_handler, set_alarm, [{late, bird}]),
    #{description := bird} = alarm(Guest, late),
    ?assertEqual([[elarm, mnesia]], complete(Guest)),
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), Before, []).

long_queues_are_found(Config) ->
    Guest = guest(Config),
    Pid = call(Config, ?MODULE, queue_of, [sluggard, 3000]),
    muster_test_nodes:until(true, fun() -> long(Guest) =/= [] end, 70000),
    [#{name := sluggard, len := 3000, current_stacktrace := [_ | _], pid := _} | _] = long(Guest),
    [#{scanned := N, sum := Sum, most := 3000, long_count := 1} | _] =
        [S || #{scan := #{most := M} = S} <- muster_test_agents:said(Guest), M > 0],
    ?assert(N > 30 andalso Sum >= 3000),
    true = call(Config, erlang, exit, [Pid, kill]),
    back_to_normal(Guest, Config).

old_code_is_found(Config) ->
    {ok, m1, Beam} = compile:forms([{attribute, 1, module, m1}]),
    [{module, m1} = call(Config, code, load_binary, [m1, "m1.beam", Beam]) || _ <- [1, 2]],
    Guest = guest(Config),
    muster_test_nodes:until([m1], fun() -> check(Guest, old_code) end),
    ok = muster_test_agents:tell(Guest, #{scan_ms => 30000}).

checks_are_sent_when_they_change(Config) ->
    ok = call(Config, application, set_env, [kernel, muster_secret, "do not tell"]),
    #{agent := Pid} = Guest = guest(Config),
    Look = fun(Key) -> muster_test_nodes:until(true, fun() -> check(Guest, Key) =/= none end, 20000),
                       check(Guest, Key) end,
    #{kernel := <<_/binary>>, sasl := _} = Look(applications),
    ?assertEqual(0, Look(timezone) rem 900),
    #{lists := Hash} = Look(modules),
    ?assertEqual(erlang:phash2(lists:module_info(md5), 1 bsl 32), Hash),
    #{kernel := #{muster_secret := Secret}} = Look(config),
    ?assert(is_integer(Secret)),
    ?assertEqual(nomatch, binary:match(term_to_binary(muster_test_agents:said(Guest)),
                                       <<"do not tell">>)),
    ?assert(is_map(Look(clashes))),
    Other = muster_test_nodes:start("other", []),
    try
        muster_test_agents:connect(Other, ?config(managed, Config)),
        Name = muster_test_nodes:name(Other),
        %% Its timer, a minute early.
        scan = call(Config, erlang, send, [Pid, scan]),
        muster_test_nodes:until([Name], fun() -> check(Guest, peers) end)
    after
        muster_test_nodes:stop(Other)
    end,
    ?assertEqual(1, length([1 || #{checks := #{timezone := _}} <- muster_test_agents:said(Guest)])),
    back_to_normal(Guest, Config).

broken_applications_are_found(Config) ->
    Dir = filename:join(?config(priv_dir, Config), "broken"),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    {ok, lists, Beam} = compile:forms([{attribute, 1, module, lists}]),
    ok = file:write_file(filename:join(Dir, "lists.beam"), Beam),
    ok = file:write_file(filename:join(Dir, "broken.app"), "{application, broken, [{vsn, \"2\"}, "
                         "{runtime_dependencies, [\"stdlib-99.1\"]}]}."),
    true = call(Config, code, add_pathz, [Dir]),
    ok = call(Config, application, load,
              [{application, broken, [{vsn, "1"}, {applications, [kernel, nowhere_at_all]}]}]),
    Guest = guest(Config),
    muster_test_nodes:until(true, fun() -> check(Guest, old_dependencies) =/= none end, 20000),
    #{broken := {version_on_disk, <<"2">>, loaded, <<"1">>}} = check(Guest, bad_app_files),
    #{broken := [nowhere_at_all]} = check(Guest, missing_dependencies),
    #{broken := [{<<"stdlib-99.1">>, _}]} = check(Guest, old_dependencies),
    #{<<"lists">> := [_, _]} = check(Guest, clashes).

mnesia_is_listened_to(Config) ->
    {ok, _} = call(Config, application, ensure_all_started, [mnesia]),
    Before = muster_test_agents:look(?config(managed, Config)),
    Guest = guest(Config),
    Report = fun(Event) -> call(Config, mnesia_lib, report_system_event, [Event]) end,
    Report({mnesia_overload, {dump_log, write_threshold}}),
    #{source := mnesia, severity := major} = alarm(Guest, {mnesia, overload}),
    Report({inconsistent_database, running_partitioned_network, 'a@b'}),
    #{description := running_partitioned_network} =
        alarm(Guest, {mnesia, inconsistent_database, 'a@b'}),
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), Before, []),
    Again = guest(Config),
    %% Of an overload from before it nobody else can say that it is over.
    _ = until_said(Again),
    ?assertEqual([{mnesia, overload}], cleared(Again)),
    Report({mnesia_overload, {dump_log, write_threshold}}),
    _ = alarm(Again, {mnesia, overload}),
    ?assertEqual([[elarm, sasl]], complete(Again)),
    stopped = call(Config, mnesia, stop, []),
    muster_test_nodes:until([{mnesia, overload}, {mnesia, overload}], fun() -> cleared(Again) end).

elarm_is_listened_to(Config) ->
    start_elarm(os:getenv("ELARM_EBIN"), Config),
    ok = call(Config, elarm, raise, [before, "src", []]),
    Guest = guest(Config),
    _ = alarm(Guest, {elarm, before, <<"src">>}),
    ok = call(Config, elarm, raise, [late, "src", []]),
    #{source := elarm, severity := indeterminate, probable_cause := _} =
        alarm(Guest, {elarm, late, <<"src">>}),
    ok = call(Config, elarm, clear, [late, "src"]),
    muster_test_nodes:until(true, fun() -> lists:member({elarm, late, <<"src">>}, cleared(Guest)) end).

%% Debian has no elarm: without the beams of the real one (esl/elarm) something that answers as it does.
start_elarm(false, Config) ->
    Forms = [begin
                 {ok, Tokens, _} = erl_scan:string(Text),
                 {ok, Form} = erl_parse:parse_form(Tokens),
                 Form
             end || Text <- [
        "-module(elarm).",
        "-export([start/0, serve/2, subscribe/2, get_alarms/0, raise/3, clear/2]).",
        "start() -> register(elarm_server, spawn(elarm, serve, [[], []])), ok.",
        "subscribe([all], Pid) -> ask({subscribe, Pid}).",
        "get_alarms() -> ask(get).",
        "raise(Id, Src, More) ->"
        "    ask({raise, {alarm, Id, now, Src, x, x, indeterminate, why, what, text, More, x}}).",
        "clear(Id, Src) -> ask({clear, Id, Src}).",
        "ask(What) ->"
        "    elarm_server ! {self(), What},"
        "    receive {elarm_says, Answer} -> Answer after 5000 -> exit(timeout) end.",
        "serve(Pids, Alarms) ->"
        "    receive {From, What} ->"
        "        {Answer, NewPids, NewAlarms} = do(What, Pids, Alarms),"
        "        From ! {elarm_says, Answer},"
        "        serve(NewPids, NewAlarms)"
        "    end.",
        "do({subscribe, Pid}, Pids, Alarms) -> {{ok, ref, Alarms}, [Pid | Pids], Alarms};"
        "do(get, Pids, Alarms) -> {{ok, Alarms}, Pids, Alarms};"
        "do({raise, Alarm}, Pids, Alarms) -> tell(Alarm, Pids), {ok, Pids, [Alarm | Alarms]};"
        "do({clear, Id, Src}, Pids, Alarms) ->"
        "    tell({clear, Id, Src, x, x}, Pids),"
        "    {ok, Pids, [A || A <- Alarms, {element(2, A), element(4, A)} =/= {Id, Src}]}.",
        "tell(What, Pids) -> [Pid ! {elarm, ref, What} || Pid <- Pids]."]],
    {ok, elarm, Beam} = compile:forms(Forms),
    {module, elarm} = call(Config, code, load_binary, [elarm, "elarm.beam", Beam]),
    ok = call(Config, elarm, start, []);
start_elarm(Ebin, Config) ->
    true = call(Config, code, add_pathz, [Ebin]),
    {ok, _} = call(Config, application, ensure_all_started, [elarm]),
    ok.

%%% How they leave

leaves_when_released(Config) ->
    Guest = guest(Config),
    _ = until_said(Guest),
    back_to_normal(Guest, Config).

%% A scan of many takes longer than code is waited for.
leaves_during_a_scan(Config) ->
    Crowd = call(Config, ?MODULE, crowd, [40000]),
    #{agent := Pid, module := Module} = Guest = guest(Config),
    _ = until_said(Guest),
    Links = fun() -> {links, Ls} = call(Config, erlang, process_info, [Pid, links]), length(Ls) end,
    Others = Links(),
    scan = call(Config, erlang, send, [Pid, scan]),
    muster_test_nodes:until(true, fun() -> Links() > Others end),
    ok = muster_test_agents:release(Guest),
    muster_test_nodes:until({false, false}, fun() -> call(Config, ?MODULE, code_of, [Module]) end),
    true = call(Config, erlang, exit, [Crowd, kill]),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), []).

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

%%% In the Erlang of other Debian releases, as tests/otp provides them; skipped where it cannot.

works_on_otp_23(Config) -> works_on("bullseye", "22", [r22], Config).

works_on_otp_27(Config) -> works_on("trixie", "25", [], Config).

works_on_otp_29(Config) -> works_on("forky", "25", [], Config).

works_on(Suite, First, Options, Config) ->
    case muster_test_otp:root(Suite) of
        {ok, Root} -> visit(Root, First, Options, Config);
        Skip -> Skip
    end.

visit(Root, First, Options, Config) ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    Visit = filename:join(filename:dirname(Source), "muster_test_visit.erl"),
    {ok, Module, Visitor} = compile:file(Visit, [binary | Options]),
    Agents = [begin {ok, Beam} = file:read_file(Path), {M, Beam} end
              || #{module := M, path := Path, first := F, agent := A} <- ?config(agents, Config),
                 F =:= First, lists:member(A, ["notifications", "alarms"])],
    Name = "muster_" ++ os:getpid(),
    Dir = filename:join([Root, "tmp", Name]),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    [ok = file:write_file(filename:join(Dir, atom_to_list(M) ++ ".beam"), Beam)
     || {M, Beam} <- [{Module, Visitor} | Agents]],
    Said = muster_test_otp:erl(Root, ["-pa", "/tmp/" ++ Name, "-eval", "muster_test_visit:run()", "-extra"
                                      | [atom_to_list(M) || {M, _} <- Agents]], []),
    ok = file:del_dir_r(Dir),
    ct:pal("~s", [Said]),
    ?assertEqual(<<"clean">>, lists:last(string:lexemes(Said, "\n"))).

%%% Helpers

guest(Config) ->
    muster_test_agents:guest(?config(daemon, Config), ?config(managed, Config), ?config(agent, Config),
                             60000).

call(Config, M, F, A) -> call(Config, M, F, A, 10000).

call(Config, M, F, A, Limit) -> peer:call(?config(managed, Config), M, F, A, Limit).

back_to_normal(Guest, Config) ->
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), []).

back_to_normal(Guest, Other, Config) ->
    ok = muster_test_agents:release(Other),
    back_to_normal(Guest, Config).

until_said(Guest) ->
    muster_test_nodes:until(true, fun() -> muster_test_agents:said(Guest) =/= [] end),
    muster_test_agents:said(Guest).

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

alarm(Guest, Id) ->
    Find = fun() -> [A || #{raised := R} <- muster_test_agents:said(Guest), #{id := I} = A <- R, I =:= Id]
           end,
    muster_test_nodes:until(true, fun() -> Find() =/= [] end),
    hd(Find()).

%% The sources whose whole list it had, each time.
complete(Guest) -> [lists:sort(C) || #{complete := C} <- muster_test_agents:said(Guest)].

cleared(Guest) -> lists:append([C || #{cleared := C} <- muster_test_agents:said(Guest)]).

long(Guest) -> lists:append([L || #{long_queues := L} <- muster_test_agents:said(Guest)]).

check(Guest, Key) ->
    case [V || #{checks := #{Key := V}} <- muster_test_agents:said(Guest)] of
        [] -> none;
        Values -> lists:last(Values)
    end.

dump(Config) -> filename:join(?config(priv_dir, Config), "erl_crash.dump").

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

%% That many processes, which end with the one that is returned.
crowd(N) ->
    Self = self(),
    Pid = spawn(fun() ->
                        _ = [spawn_link(fun listen/0) || _ <- lists:seq(1, N)],
                        Self ! {self(), there},
                        listen()
                end),
    receive {Pid, there} -> Pid end.

%% Is it there, or still there as old code?
code_of(Module) -> {erlang:module_loaded(Module), erlang:check_old_code(Module)}.

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

queue_of(Name, Length) ->
    Pid = spawn(fun listen/0),
    register(Name, Pid),
    [Pid ! N || N <- lists:seq(1, Length)],
    Pid.

listen() -> receive never -> ok end.
