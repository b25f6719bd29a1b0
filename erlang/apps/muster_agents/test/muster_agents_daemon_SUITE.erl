%% The agents and the real daemon: they come when it watches a node, and leave nothing behind however it goes.
%% Skipped where there is no executable (muster_test_nodes:daemon/0).
-module(muster_agents_daemon_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").
-import(muster_test_leases, [same_as_alone/1]).

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([the_daemon_is_killed/1, the_node_is_removed/1, the_agent_is_killed/1,
         a_node_marked_none_gets_nothing/1, two_real_daemons/1,
         a_node_that_includes_them_gets_no_code/1]).

all() -> [the_daemon_is_killed, the_node_is_removed, the_agent_is_killed,
          a_node_marked_none_gets_nothing, two_real_daemons,
          a_node_that_includes_them_gets_no_code].

init_per_suite(Config) ->
    case muster_test_nodes:daemon() of
        {ok, Executable} -> [{executable, Executable} | muster_test_agents:init_per_suite(Config)];
        {skip, Why} -> {skip, Why}
    end.

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_testcase(Case, Config) ->
    Managed = muster_test_nodes:start("managed", []),
    Shell = muster_test_nodes:start("shell", ["-hidden"]),
    Alone = muster_test_agents:look_alone(Managed, Shell),
    Dir = filename:join(?config(priv_dir, Config), Case),
    [{managed, Managed}, {shell, Shell}, {alone, Alone},
     {real, start_daemon(?config(executable, Config), filename:join(Dir, "one"))},
     {case_dir, Dir} | Config].

end_per_testcase(_, Config) ->
    [muster_test_nodes:stop(?config(Key, Config)) || Key <- [managed, shell]],
    stop_daemon(?config(real, Config)),
    ok.

%%% How they come and leave

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

%% The modules of the application are leased as they are, and stay; another version is not touched.
a_node_that_includes_them_gets_no_code(Config) ->
    Managed = ?config(managed, Config),
    ok = peer:call(Managed, application, start, [muster_agents]),
    Before = muster_test_agents:look(Managed),
    Daemon = watched(?config(real, Config), #{}, Config),
    Included = [list_to_atom("muster_agent_" ++ Name) || Name <- agent_names(Config)],
    ?assertEqual(Included, lists:sort(all_agents_in(Managed))),
    {ok, _} = ask(Daemon, topology, remove_node, #{id => managed_name(Config)}, Config),
    muster_test_agents:same(Managed, Before, []),
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

%%% The daemon

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

%%% The node

%% In order.
agent_names(Config) -> lists:usort([Name || #{agent := Name} <- ?config(agents, Config)]).

agents_in(Managed) ->
    [Name || Name <- all_agents_in(Managed), lists:prefix("muster_agent_metrics_", atom_to_list(Name))].

all_agents_in(Managed) ->
    [Name || Name <- peer:call(Managed, erlang, registered, []),
             lists:prefix("muster_agent_", atom_to_list(Name))].

connected(Config) -> peer:call(?config(managed, Config), erlang, nodes, [connected]).

managed_name(Config) -> muster_test_nodes:name(?config(managed, Config)).
