%% Somebody else's release: examples/sample_release, copied out of the repository, built without a
%% network, started, and asked to deploy nodes. The last needs the real daemon.
-module(sample_release_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([builds_without_a_network/1, does_not_start_without_the_daemon/1,
         deploys_nodes_from_its_own_shell/1]).

all() -> [builds_without_a_network, does_not_start_without_the_daemon,
          deploys_nodes_from_its_own_shell].

%% Copies of the release and of ant_farm, with links followed as `cp -rL` does.
init_per_suite(Config) ->
    Epmd = muster_test_nodes:start_epmd(),
    Dir = ?config(priv_dir, Config),
    Erlang = filename:join(filename:dirname(real_source()), "../../.."),
    [copy(filename:join([Erlang, "examples", Name]), filename:join(Dir, Name))
     || Name <- ["sample_release", "ant_farm"]],
    Home = filename:join(Dir, "home"),
    ok = filelib:ensure_dir(filename:join(Home, "x")),
    CookieFile = filename:join(Home, ".erlang.cookie"),
    ok = file:write_file(CookieFile, "sample_cookie"),
    ok = file:change_mode(CookieFile, 8#400),
    [{epmd, Epmd}, {home, Home}, {release, filename:join(Dir, "sample_release")},
     {farm, filename:join(Dir, "ant_farm")} | Config].

end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

init_per_testcase(deploys_nodes_from_its_own_shell, Config) ->
    case muster_test_nodes:daemon() of
        {ok, Executable} -> [{executable, Executable} | Config];
        {skip, Why} -> {skip, Why}
    end;
init_per_testcase(_, Config) ->
    Config.

end_per_testcase(_, _) -> ok.

builds_without_a_network(Config) ->
    build(Config),
    ?assert(filelib:is_regular(filename:join([built(Config), "lib", "muster-0.1.0", "ebin",
                                              "muster.beam"]))).

does_not_start_without_the_daemon(Config) ->
    Said = run(built(Config), "bin/sample_release foreground",
               env(Config) ++ [{"PATH", "/usr/bin:/bin"}]),
    ?assertNotEqual(nomatch, string:find(Said, "priv/muster")).

deploys_nodes_from_its_own_shell(Config) ->
    Priv = filename:join([?config(release, Config), "_checkouts", "muster", "priv", "muster"]),
    ok = filelib:ensure_dir(Priv),
    {ok, _} = file:copy(?config(executable, Config), Priv),
    ok = file:change_mode(Priv, 8#755),
    build(Config),
    ?assert(filelib:is_file(filename:join([built(Config), "lib", "muster-0.1.0", "priv",
                                           "muster"]))),
    Made = run(?config(farm, Config), "./make_release . --system-erlang", env(Config)),
    Tarball = filename:join(?config(farm, Config), "ant_farm.tar.gz"),
    ?assert(filelib:is_regular(Tarball), Made),
    Port = open_port({spawn_executable, filename:join([built(Config), "bin", "sample_release"])},
                     [{args, ["foreground"]}, {env, env(Config)}, exit_status, stderr_to_stdout,
                      binary]),
    Caller = muster_test_nodes:start("caller", ["-hidden"]),
    true = peer:call(Caller, erlang, set_cookie, [sample_cookie]),
    Sample = list_to_atom(node_name()),
    Call = fun(M, F, A, Time) -> peer:call(Caller, rpc, call, [Sample, M, F, A], Time) end,
    try
        muster_test_nodes:until(pong, fun() -> peer:call(Caller, net_adm, ping, [Sample]) end,
                                30000),
        ?assertEqual(ok, Call(muster, await, [30000], 40000)),
        deploy(Call, Tarball),
        deploy_another(Call, Tarball)
    after
        %% Also after a failure: nothing is to be left running.
        _ = Call(sample, remove, [], 30000),
        Gone = fun() -> Call(muster, orch_list_nodes, [#{}], 30000) end,
        try muster_test_nodes:until({ok, #{items => []}}, Gone, 60000)
        after
            _ = Call(init, stop, [], 10000),
            ct:pal("~ts", [until_exit(Port, [])]),
            muster_test_nodes:stop(Caller)
        end
    end,
    muster_test_nodes:until(nomatch, fun() -> string:find(os:cmd("epmd -names"), "sample") end).

deploy(Call, Tarball) ->
    {ok, [_, _] = Nodes} = Call(sample, deploy, [Tarball, 2], 130000),
    {ok, #{items := Items}} = Call(muster, orch_list_nodes, [#{family => ants}], 30000),
    ?assertEqual([{Node, 'UP'} || Node <- lists:sort(Nodes)],
                 lists:sort([{Node, State} || #{name := Node, state := State} <- Items])),
    Command = #{family => ants, module => ant_farm, function => status},
    muster_test_nodes:until([1, 1], fun() ->
                                            {ok, Run} = Call(muster, run, [Command], 30000),
                                            others_seen(Run)
                                    end).

%% Another archive is another release, also when the family is there already.
deploy_another(Call, Tarball) ->
    {ok, Bytes} = file:read_file(Tarball),
    Other = Tarball ++ ".other",
    ok = file:write_file(Other, zlib:gzip([zlib:gunzip(Bytes), binary:copy(<<0>>, 512)])),
    {ok, #{release := First}} = Call(muster, get_node_family, [#{id => ants}], 30000),
    {ok, [_]} = Call(sample, deploy, [Other, 1], 130000),
    {ok, #{release := Second}} = Call(muster, get_node_family, [#{id => ants}], 30000),
    ?assertNotEqual(First, Second),
    {ok, #{items := Nodes}} = Call(muster, orch_list_nodes, [#{family => ants}], 30000),
    ?assertEqual(3, length(Nodes)).

%% How many other colonies each node said to see.
others_seen(#{results := Results}) -> [Others || #{value := #{others := Others}} <- Results].

%%% Helpers

build(Config) ->
    Said = run(?config(release, Config), "rebar3 as prod release", env(Config)),
    ?assert(filelib:is_dir(built(Config)), Said).

built(Config) -> filename:join(?config(release, Config), "_build/prod/rel/sample_release").

%% No proxy, no registry: whoever asks one anyway gets nothing, at once.
env(Config) ->
    [{"HOME", ?config(home, Config)}, {"XDG_STATE_HOME", ?config(home, Config)},
     {"RELEASE_NODE", node_name()}, {"MUSTER_HTTP", "127.0.0.1:" ++ muster_test_nodes:free_port()},
     {"HEX_CDN", "http://127.0.0.1:9"}, {"http_proxy", "http://127.0.0.1:9"},
     {"https_proxy", "http://127.0.0.1:9"}, {"REBAR_BASE_DIR", false}, {"ERL_LIBS", false},
     {"ROOTDIR", false}, {"BINDIR", false}, {"EMU", false}, {"PROGNAME", false}].

node_name() -> "sample_" ++ os:getpid() ++ "@127.0.0.1".

copy(From, To) ->
    "" = os:cmd("mkdir -p '" ++ To ++ "' && tar -C '" ++ From ++ "' --exclude=_build -chf - . "
                "| tar -C '" ++ To ++ "' -xf -"),
    ok.

run(Dir, Command, Env) ->
    Port = open_port({spawn, Command}, [{cd, Dir}, {env, Env}, exit_status, stderr_to_stdout,
                                        binary]),
    until_exit(Port, []).

until_exit(Port, Said) ->
    receive
        {Port, {data, Bytes}} -> until_exit(Port, [Said, Bytes]);
        {Port, {exit_status, _}} -> unicode:characters_to_list(Said)
    after 120000 ->
        stop_os_process(Port),
        error({still_running, unicode:characters_to_list(Said)})
    end.

stop_os_process(Port) ->
    case erlang:port_info(Port, os_pid) of
        {os_pid, Pid} -> os:cmd("kill " ++ integer_to_list(Pid));
        undefined -> ok
    end.

%% rebar3 links or copies test sources; the compiled module knows where it came from.
real_source() -> proplists:get_value(source, ?MODULE:module_info(compile)).
