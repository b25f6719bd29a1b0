%% The agent "alarms" against real nodes: each kind of alarm is raised, each thing that it looks for is put
%% there, and nothing is left behind.
-module(muster_agent_alarms_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").
-import(muster_test_guest, [guest/1, call/4, back_to_normal/2, back_to_normal/3, until_said/1]).

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([sasl_alarms_are_handed_on/1, alarms_that_were_there_before/1, many_that_were_there_before/1,
         wide_ids_are_told_too/1, alarms_beside_another_handler/1, mnesia_is_listened_to/1,
         elarm_is_listened_to/1]).
-export([long_queues_are_found/1, old_code_is_found/1, checks_are_sent_when_they_change/1,
         broken_applications_are_found/1, leaves_during_a_scan/1]).
%% Called on the peers.
-export([queue_of/2, listen/0, crowd/1, code_of/1]).

all() -> [{group, raised}, {group, looked_for}, leaves_during_a_scan].

groups() ->
    %% Cases that mostly wait do so together, a few at a time.
    [{raised, [parallel], [sasl_alarms_are_handed_on, alarms_that_were_there_before,
                           many_that_were_there_before, wide_ids_are_told_too,
                           alarms_beside_another_handler,
                           mnesia_is_listened_to, elarm_is_listened_to]},
     {looked_for, [parallel], [long_queues_are_found, old_code_is_found,
                               checks_are_sent_when_they_change,
                               broken_applications_are_found]}].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(_, Config) -> Config.

end_per_group(_, _) -> ok.

init_per_testcase(_, Config) -> muster_test_guest:init_per_testcase("alarms", [], Config).

end_per_testcase(_, Config) -> muster_test_guest:end_per_testcase(Config).

%%% What is raised

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
        "    receive {elarm_says, Answer} -> Answer after 30000 -> exit(timeout) end.",
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

%%% What is looked for

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

%%% Helpers

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

%%% On the peers

queue_of(Name, Length) ->
    Pid = spawn(fun listen/0),
    register(Name, Pid),
    [Pid ! N || N <- lists:seq(1, Length)],
    Pid.

%% That many processes, which end with the one that is returned.
crowd(N) ->
    Self = self(),
    Pid = spawn(fun() ->
                        _ = [spawn_link(fun listen/0) || _ <- lists:seq(1, N)],
                        Self ! {self(), there},
                        listen()
                end),
    receive {Pid, there} -> Pid end.

listen() -> receive never -> ok end.

%% Is it there, or still there as old code?
code_of(Module) -> {erlang:module_loaded(Module), erlang:check_old_code(Module)}.
