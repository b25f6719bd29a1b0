%% The sidecar with a stand-in for the daemon, the facade with stand-ins for its services, and both
%% with the real daemon where there is one.
-module(muster_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2,
         init_per_testcase/2, end_per_testcase/2]).
-export([finds_the_executable_in_order/1, names_all_places_when_there_is_no_executable/1,
         refuses_a_node_without_a_name/1]).
-export([tells_the_daemon_who_it_is/1, keeps_the_cookie_to_itself/1,
         the_daemon_keeps_a_cookie_of_its_own/1,
         a_directory_of_before_goes_on_with_the_cookie_of_its_node/1,
         does_not_hand_on_the_environment_of_its_release/1, hands_log_lines_to_logger/1,
         starts_it_again_with_back_off/1, ends_it_with_the_application/1,
         kills_one_that_does_not_end/1, it_ends_with_the_emulator/1,
         uses_a_running_daemon_when_told/1]).
-export([every_function_calls_its_operation/1, what_takes_long_is_given_its_time/1,
         problems_are_errors/1]).
-export([facade_and_daemon_offer_the_same/1, the_real_daemon_answers/1,
         the_real_daemon_watches_its_own_release/1,
         the_real_daemon_ends_with_the_application/1, the_real_daemon_ends_with_the_emulator/1]).
%% Called on the peers.
-export([log/2, log_to/1, answer_as/1, limit_of/1]).

all() -> [{group, executable}, {group, sidecar}, {group, facade}, {group, real_daemon}].

groups() ->
    [{executable, [], [finds_the_executable_in_order, names_all_places_when_there_is_no_executable,
                       refuses_a_node_without_a_name]},
     {sidecar, [parallel], [tells_the_daemon_who_it_is, keeps_the_cookie_to_itself,
                            the_daemon_keeps_a_cookie_of_its_own,
                            a_directory_of_before_goes_on_with_the_cookie_of_its_node,
                            does_not_hand_on_the_environment_of_its_release,
                            hands_log_lines_to_logger, starts_it_again_with_back_off,
                            ends_it_with_the_application, kills_one_that_does_not_end,
                            it_ends_with_the_emulator, uses_a_running_daemon_when_told]},
     {facade, [], [every_function_calls_its_operation, what_takes_long_is_given_its_time,
                   problems_are_errors]},
     {real_daemon, [], [facade_and_daemon_offer_the_same, the_real_daemon_answers,
                        the_real_daemon_watches_its_own_release,
                        the_real_daemon_ends_with_the_application,
                        the_real_daemon_ends_with_the_emulator]}].

init_per_suite(Config) -> [{epmd, muster_test_nodes:start_epmd()} | Config].

end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

init_per_group(real_daemon, Config) ->
    case muster_test_nodes:daemon() of
        {ok, Executable} -> [{executable, Executable} | Config];
        {skip, Why} -> {skip, Why}
    end;
init_per_group(sidecar, Config) ->
    [{executable, filename:join(?config(data_dir, Config), "fake_muster")} | Config];
init_per_group(_, Config) ->
    Config.

end_per_group(_, _) -> ok.

%% A node with the application configured, not started; its own directory for what the daemon keeps.
init_per_testcase(Case, Config) ->
    case ?config(executable, Config) of
        undefined ->
            Config;
        Executable ->
            Dir = filename:join(?config(priv_dir, Config), Case),
            ok = filelib:ensure_dir(filename:join(Dir, "x")),
            Node = muster_test_nodes:start("app", ["-env", "MUSTER_FAKE_DIR", Dir,
                                                   "-env", "RELEASE_COOKIE", "ours"]),
            _ = peer:call(Node, application, load, [muster]),
            [set(Node, Key, Value) || {Key, Value} <- [{executable, Executable},
                                                       {data_dir, filename:join(Dir, "data")},
                                                       {http, http_address()}]],
            [{node, Node}, {dir, Dir} | Config]
    end.

end_per_testcase(_, Config) ->
    case ?config(node, Config) of
        undefined -> ok;
        Node -> muster_test_nodes:stop(Node)
    end.

%%% Executable

finds_the_executable_in_order(_) ->
    Sh = os:find_executable("sh"),
    Ls = os:find_executable("ls"),
    Find = fun(Paths) -> muster_config:find_executable(lists:zip(["a", "b", "c"], Paths)) end,
    ?assertEqual({ok, Sh}, Find([Sh, Ls, Ls])),
    ?assertEqual({ok, Sh}, Find(["", Sh, Ls])),
    ?assertEqual({ok, Ls}, Find(["", "/nowhere/muster", Ls])),
    ?assertMatch({error, _}, Find(["/nowhere/muster", Sh, Ls])),
    ?assertMatch({error, _}, Find(["", "/etc/passwd", ""])).

names_all_places_when_there_is_no_executable(_) ->
    Node = muster_test_nodes:start("app", []),
    try
        _ = peer:call(Node, application, load, [muster]),
        true = peer:call(Node, os, putenv, ["PATH", "/nowhere"]),
        {error, {{executable_not_found, Text}, _}} =
            peer:call(Node, application, start, [muster]),
        [?assertNotEqual(nomatch, string:find(Text, Part))
         || Part <- ["{muster, executable}", "priv/muster", "PATH", "cmake", "{muster, [{executable"]]
    after
        muster_test_nodes:stop(Node)
    end.

refuses_a_node_without_a_name(Config) ->
    _ = application:load(muster),
    ok = application:set_env(muster, executable,
                             filename:join(?config(data_dir, Config), "fake_muster")),
    ?assertMatch({error, {{not_distributed, _}, _}}, application:start(muster)),
    ?assertMatch({error, #{code := unavailable}}, muster:help()),
    ok = application:unload(muster).

%%% Sidecar

tells_the_daemon_who_it_is(Config) ->
    #{node := Node, dir := Dir} = maps:from_list(Config),
    start(Config),
    [App, Host] = string:split(atom_to_list(muster_test_nodes:name(Node)), "@"),
    Name = "muster_" ++ App ++ "@" ++ Host,
    Data = filename:join(Dir, "data"),
    {ok, Http} = peer:call(Node, application, get_env, [muster, http]),
    ?assertEqual(["serve", "--name", Name, "--cookie-file", filename:join(Data, "cookie"),
                  "--data-dir", Data, "--exit-on-stdin-close", "--http", Http],
                 lines(Dir, "args")),
    ?assertEqual({ok, list_to_atom(Name)}, peer:call(Node, muster, daemon, [])),
    Pid = list_to_integer(hd(lines(Dir, "pid"))),
    ?assertMatch(#{state := running, starts := 1, os_pid := Pid},
                 peer:call(Node, muster_sidecar, status, [])).

keeps_the_cookie_to_itself(Config) ->
    Dir = ?config(dir, Config),
    true = peer:call(?config(node, Config), erlang, set_cookie, [hush]),
    start(Config),
    File = filename:join([Dir, "data", "cookie"]),
    {ok, Cookie} = file:read_file(File),
    ?assertEqual(40, byte_size(Cookie)),
    ?assertEqual("600 700\n", os:cmd("echo $(stat -c %a " ++ File ++ " " ++ filename:dirname(File)
                                     ++ ")")),
    ?assertEqual([], [Line || Line <- lines(Dir, "args") ++ lines(Dir, "env"),
                              Word <- ["hush", Cookie], string:find(Line, Word) =/= nomatch]).

%% It is made once, and this node knows it for the daemon alone.
the_daemon_keeps_a_cookie_of_its_own(Config) ->
    #{node := Node, dir := Dir} = maps:from_list(Config),
    Own = peer:call(Node, erlang, get_cookie, []),
    Known = fun() ->
                    {ok, Daemon} = peer:call(Node, muster, daemon, []),
                    atom_to_binary(peer:call(Node, erlang, get_cookie, [Daemon]))
            end,
    File = filename:join([Dir, "data", "cookie"]),
    start(Config),
    {ok, Cookie} = file:read_file(File),
    ?assertEqual(Cookie, Known()),
    ?assertEqual(Own, peer:call(Node, erlang, get_cookie, [])),
    ok = peer:call(Node, application, stop, [muster], 30000),
    start(Config),
    ?assertEqual({ok, Cookie}, file:read_file(File)),
    ?assertEqual(Cookie, Known()).

a_directory_of_before_goes_on_with_the_cookie_of_its_node(Config) ->
    #{node := Node, dir := Dir} = maps:from_list(Config),
    Database = filename:join([Dir, "data", "muster.db"]),
    ok = filelib:ensure_dir(Database),
    ok = file:write_file(Database, <<>>),
    true = peer:call(Node, erlang, set_cookie, [hush]),
    start(Config),
    ?assertEqual({ok, <<"hush">>}, file:read_file(filename:join([Dir, "data", "sidecar.cookie"]))),
    ?assertNot(filelib:is_file(filename:join([Dir, "data", "cookie"]))).

does_not_hand_on_the_environment_of_its_release(Config) ->
    start(Config),
    Env = lines(?config(dir, Config), "env"),
    ?assertEqual([], [Line || "RELEASE_" ++ _ = Line <- Env]),
    ?assertEqual([], [Line || "BINDIR=" ++ _ = Line <- Env]),
    ?assertMatch([_], [Line || "ERL_EPMD_PORT=" ++ _ = Line <- Env]).

hands_log_lines_to_logger(Config) ->
    Node = ?config(node, Config),
    Table = peer:call(Node, ?MODULE, log_to, [undefined]),
    start(Config),
    Said = fun() -> [{L, T} || {L, T} <- peer:call(Node, ets, tab2list, [Table]),
                               string:find(T, "muster: started") =:= nomatch] end,
    muster_test_nodes:until([{notice, "muster: ready"}, {warning, "the moon is full"}],
                            fun() -> lists:sort(Said()) end).

starts_it_again_with_back_off(Config) ->
    #{node := Node, dir := Dir} = maps:from_list(Config),
    ok = file:write_file(filename:join(Dir, "fails"), <<>>),
    ok = peer:call(Node, application, start, [muster]),
    muster_test_nodes:until(3, fun() -> length(lines(Dir, "starts")) end),
    [First, Second, Third] = [list_to_integer(Line) div 1000000 || Line <- lines(Dir, "starts")],
    ?assert(Second - First >= 1000),
    ?assert(Third - Second >= 2000),
    muster_test_nodes:until({waiting, 3},
                            fun() ->
                                    #{state := State, exit_status := Status} =
                                        peer:call(Node, muster_sidecar, status, []),
                                    {State, Status}
                            end).

ends_it_with_the_application(Config) ->
    start(Config),
    ok = peer:call(?config(node, Config), application, stop, [muster]),
    ?assertEqual(["TERM"], lines(?config(dir, Config), "end")).

kills_one_that_does_not_end(Config) ->
    Dir = ?config(dir, Config),
    ok = file:write_file(filename:join(Dir, "stubborn"), <<>>),
    start(Config),
    ok = peer:call(?config(node, Config), application, stop, [muster], 30000),
    ?assertNot(is_alive(hd(lines(Dir, "pid")))).

it_ends_with_the_emulator(Config) ->
    Dir = ?config(dir, Config),
    start(Config),
    ok = muster_test_nodes:kill(?config(node, Config)),
    muster_test_nodes:until(["EOF"], fun() -> lines(Dir, "end") end).

uses_a_running_daemon_when_told(Config) ->
    #{node := Node, dir := Dir} = maps:from_list(Config),
    set(Node, node, 'muster@elsewhere.example'),
    ok = peer:call(Node, application, start, [muster]),
    ?assertEqual({ok, 'muster@elsewhere.example'}, peer:call(Node, muster, daemon, [])),
    ?assertEqual([], peer:call(Node, supervisor, which_children, [muster_sup])),
    ?assertEqual([], lines(Dir, "args")).

%%% Facade

every_function_calls_its_operation(_) ->
    Node = muster_test_nodes:start("app", []),
    try
        ok = peer:call(Node, application, set_env, [muster, node, muster_test_nodes:name(Node)]),
        [ok = peer:call(Node, ?MODULE, answer_as, [Service])
         || Service <- [muster, topology, commands, orchestration, metrics, notifications, alarms]],
        [begin
             Args = lists:duplicate(Arity, #{x => 1}),
             Seen = case Args of [] -> #{}; [Given] -> Given end,
             {ok, {Service, Operation, Seen}} = peer:call(Node, muster, Function, Args),
             ?assertEqual(Function, function({Service, Operation}))
         end || {Function, Arity} <- facade()]
    after
        muster_test_nodes:stop(Node)
    end.

%% run/1 was cut after 30 s, and its work with it.
what_takes_long_is_given_its_time(_) ->
    Node = muster_test_nodes:start("app", []),
    try
        ok = peer:call(Node, application, set_env, [muster, node, muster_test_nodes:name(Node)]),
        [ok = peer:call(Node, ?MODULE, answer_as, [Service])
         || Service <- [commands, orchestration]],
        ?assertEqual([infinity, 7200000, 7200000, 30000],
                     [peer:call(Node, ?MODULE, limit_of, [Function])
                      || Function <- [run, upload_release, create_release, get_run]])
    after
        muster_test_nodes:stop(Node)
    end.

problems_are_errors(_) ->
    Node = muster_test_nodes:start("app", []),
    try
        set(Node, node, muster_test_nodes:name(Node)),
        ?assertMatch({error, #{code := unavailable}}, peer:call(Node, muster, help, [])),
        ?assertMatch({error, #{code := unavailable}}, peer:call(Node, muster, await, [300])),
        ok = peer:call(Node, ?MODULE, answer_as, [silent]),
        ?assertMatch({error, #{code := timeout}},
                     peer:call(Node, muster, call, [silent, x, #{}, 100])),
        set(Node, node, 'nobody@127.0.0.1'),
        ?assertMatch({error, #{code := unavailable}}, peer:call(Node, muster, help, []))
    after
        muster_test_nodes:stop(Node)
    end.

%%% The real daemon

facade_and_daemon_offer_the_same(Config) ->
    start(Config),
    Node = ?config(node, Config),
    ok = peer:call(Node, muster, await, [20000], 30000),
    {ok, Rows} = peer:call(Node, muster, help, []),
    Offered = [begin
                   [Service, Name] = binary:split(Operation, <<".">>),
                   function({binary_to_atom(Service), binary_to_atom(Name)})
               end || #{operation := Operation} <- Rows],
    ?assertEqual({missing, [], unknown, []},
                 {missing, lists:sort(Offered) -- [F || {F, _} <- facade()],
                  unknown, lists:sort([F || {F, _} <- facade()]) -- Offered}).

the_real_daemon_answers(Config) ->
    start(Config),
    Node = ?config(node, Config),
    ok = peer:call(Node, muster, await, [20000], 30000),
    ?assertEqual({ok, #{a => [1, two, <<"three">>]}},
                 peer:call(Node, muster, echo, [#{a => [1, two, <<"three">>]}])),
    ?assertMatch({ok, _}, peer:call(Node, muster, list_nodes, [[]])),
    ?assertMatch({error, #{code := bad_request}},
                 peer:call(Node, muster, add_node, [#{nonsense => 1}])).

%% As README says: by its row it may do what it did by the daemon's cookie alone.
the_real_daemon_watches_its_own_release(Config) ->
    start(Config),
    Node = ?config(node, Config),
    ok = peer:call(Node, muster, await, [20000], 30000),
    Name = muster_test_nodes:name(Node),
    {ok, Daemon} = peer:call(Node, muster, daemon, []),
    Cookie = peer:call(Node, erlang, get_cookie, [Daemon]),
    ?assertMatch({ok, #{role := admin}},
                 peer:call(Node, muster, add_node,
                           [#{name => Name, cookie => Cookie, role => admin}])),
    muster_test_nodes:until('UP', fun() ->
                                          {ok, #{state := State}} =
                                              peer:call(Node, muster, get_node, [#{id => Name}]),
                                          State
                                  end),
    ?assertMatch({ok, _}, peer:call(Node, muster, call, [muster, list_tokens, #{}])),
    %% Who has the daemon's own cookie could come in as another at any time.
    ?assertMatch({error, #{code := bad_request, field := <<"/role">>}},
                 peer:call(Node, muster, update_node, [#{id => Name, role => viewer}])).

the_real_daemon_ends_with_the_application(Config) ->
    start(Config),
    Node = ?config(node, Config),
    ok = peer:call(Node, muster, await, [20000], 30000),
    #{os_pid := Pid} = peer:call(Node, muster_sidecar, status, []),
    ok = peer:call(Node, application, stop, [muster], 30000),
    ?assertNot(is_alive(integer_to_list(Pid))),
    ?assertEqual(nomatch, string:find(os:cmd("epmd -names"), "name muster_")).

the_real_daemon_ends_with_the_emulator(Config) ->
    start(Config),
    Node = ?config(node, Config),
    ok = peer:call(Node, muster, await, [20000], 30000),
    #{os_pid := Pid} = peer:call(Node, muster_sidecar, status, []),
    ok = muster_test_nodes:kill(Node),
    muster_test_nodes:until(false, fun() -> is_alive(integer_to_list(Pid)) end).

%%% On the peers

%% A logger handler that keeps what the daemon said in a table.
log_to(_) ->
    Self = self(),
    spawn(fun() ->
                  Table = ets:new(log, [public, duplicate_bag]),
                  Self ! {table, Table},
                  receive after infinity -> ok end
          end),
    Table = receive {table, T} -> T end,
    ok = logger:set_primary_config(level, debug),
    ok = logger:add_handler(?MODULE, ?MODULE, #{config => Table}),
    Table.

log(#{level := Level, msg := {Format, Values}, meta := #{domain := [muster, daemon]}},
    #{config := Table}) ->
    ets:insert(Table, {Level, lists:flatten(io_lib:format(Format, Values))});
log(_, _) ->
    ok.

%% A process of that name that tells what it was asked.
answer_as(Service) ->
    Self = self(),
    Pid = spawn(fun() -> register(Service, self()), Self ! {self(), ready}, answer(Service) end),
    receive {Pid, ready} -> ok end.

%% The time limit that a function of the facade gives its call.
limit_of(Function) ->
    Self = self(),
    Tracer = spawn(fun() ->
                           receive {trace, _, call, {gen_server, call, [_, _, Limit]}} ->
                                   Self ! {limit, Limit}
                           end
                   end),
    1 = erlang:trace_pattern({gen_server, call, 3}, true, []),
    1 = erlang:trace(Self, true, [call, {tracer, Tracer}]),
    {ok, _} = muster:Function(#{}),
    Limit = receive {limit, L} -> L end,
    1 = erlang:trace(Self, false, [call]),
    Limit.

answer(silent) ->
    receive after infinity -> ok end;
answer(Service) ->
    receive
        {'$gen_call', From, {Operation, Args}} ->
            gen_server:reply(From, {ok, {Service, Operation, Args}}),
            answer(Service)
    end.

%%% Helpers

%% Starts the application and waits until the daemon, or its stand-in, is set up.
start(Config) ->
    #{node := Node, dir := Dir, executable := Executable} = maps:from_list(Config),
    ok = peer:call(Node, application, start, [muster]),
    case filename:basename(Executable) of
        "fake_muster" -> muster_test_nodes:until(true, fun() -> lines(Dir, "pid") =/= [] end);
        _ -> ok
    end.

set(Node, Key, Value) -> ok = peer:call(Node, application, set_env, [muster, Key, Value]).

%% The facade's functions that are operations.
facade() ->
    muster:module_info(exports) -- [{daemon, 0}, {await, 1}, {call, 3}, {call, 4},
                                    {module_info, 0}, {module_info, 1}].

%% An operation's function: its name, except where topology has one of the same.
function({orchestration, Operation}) ->
    case lists:member(Operation, [list_nodes, get_node]) of
        true -> list_to_atom("orch_" ++ atom_to_list(Operation));
        false -> Operation
    end;
function({metrics, Operation}) ->
    maps:get(Operation, #{catalogue => metric_catalogue, list => metrics, latest => latest_metrics,
                          query => query_metrics, settings => metric_settings,
                          set_interval => set_metric_interval, live => live_metrics,
                          daemon => daemon_metrics}, Operation);
function({notifications, Operation}) ->
    maps:get(Operation, #{list => notifications, get => notification, levels => notification_levels,
                          set_level => set_notification_level}, Operation);
function({alarms, Operation}) ->
    maps:get(Operation, #{list => alarms, get => alarm, history => alarm_history,
                          acknowledge => acknowledge_alarm, clear => clear_alarm,
                          comment => comment_alarm, add_rule => add_alarm_rule,
                          list_rules => list_alarm_rules, remove_rule => remove_alarm_rule,
                          add_webhook => add_alarm_webhook, list_webhooks => list_alarm_webhooks,
                          remove_webhook => remove_alarm_webhook}, Operation);
function({_, Operation}) ->
    Operation.

lines(Dir, File) ->
    case file:read_file(filename:join(Dir, File)) of
        {ok, Text} -> string:lexemes(unicode:characters_to_list(Text), "\n");
        {error, enoent} -> []
    end.

is_alive(Pid) -> os:cmd("kill -0 " ++ Pid ++ " 2>&1") =:= "".

http_address() -> "127.0.0.1:" ++ muster_test_nodes:free_port().
