%% Real nodes for the suites, in an epmd of their own. They are controlled through their standard
%% input, so the test itself is in no mesh, and a killed one is noticed.
-module(muster_test_nodes).

-export([start_epmd/0, stop_epmd/1, start/2, stop/1, kill/1, name/1, until/2, until/3, daemon/0,
         free_port/0]).
-export_type([epmd/0]).

-opaque epmd() :: {Port :: string(), OldPort :: string() | false}.

-spec start_epmd() -> epmd().
start_epmd() ->
    Port = free_port(),
    Old = os:getenv("ERL_EPMD_PORT"),
    os:putenv("ERL_EPMD_PORT", Port),
    [] = os:cmd("ERL_EPMD_ADDRESS=127.0.0.1 epmd -daemon"),
    until(true, fun() -> string:find(os:cmd("epmd -names"), "up and running") =/= nomatch end),
    {Port, Old}.

-spec stop_epmd(epmd()) -> ok.
stop_epmd({Port, Old}) ->
    _ = os:cmd("epmd -port " ++ Port ++ " -kill"),
    case Old of
        false -> os:unsetenv("ERL_EPMD_PORT");
        _ -> os:putenv("ERL_EPMD_PORT", Old)
    end,
    ok.

-spec start(string(), [string()]) -> pid().
start(Name, Args) ->
    {ok, Node, _} =
        peer:start(#{name => peer:random_name(Name), host => "127.0.0.1", longnames => true,
                     connection => standard_io, wait_boot => 60000,
                     args => ["-setcookie", "test", "-kernel", "logger_level", "critical"
                              | lists:append([["-pa", Dir] || Dir <- code:get_path()]) ++ Args]}),
    Node.

-spec stop(pid()) -> ok.
stop(Node) ->
    try peer:stop(Node) catch exit:_ -> ok end.

%% kill -9.
-spec kill(pid()) -> ok.
kill(Node) ->
    Pid = peer:call(Node, os, getpid, []),
    Monitor = erlang:monitor(process, Node),
    unlink(Node),
    _ = os:cmd("kill -9 " ++ Pid),
    receive {'DOWN', Monitor, process, Node, _} -> ok after 30000 -> error(still_there) end.

-spec name(pid()) -> node().
name(Node) -> peer:call(Node, erlang, node, []).

%% The real daemon's executable: MUSTER_EXECUTABLE, or `muster` in PATH. Otherwise why to skip.
-spec daemon() -> {ok, file:filename()} | {skip, string()}.
daemon() ->
    case os:getenv("MUSTER_EXECUTABLE", os:find_executable("muster")) of
        Executable when is_list(Executable), Executable =/= "" -> {ok, filename:absname(Executable)};
        _ -> {skip, "no daemon: neither MUSTER_EXECUTABLE nor `muster` in PATH"}
    end.

%% For a program that is told its port: below those that the system gives to outgoing connections,
%% one of which could take it meanwhile.
-spec free_port() -> string().
free_port() ->
    Port = 30000 + rand:uniform(2000),
    case gen_tcp:listen(Port, [{ip, {127, 0, 0, 1}}]) of
        {ok, Socket} -> ok = gen_tcp:close(Socket), integer_to_list(Port);
        {error, eaddrinuse} -> free_port()
    end.

%% Asks again until the answer is as expected; fails with the last answer after 30 seconds.
-spec until(Expected :: term(), fun(() -> term())) -> ok.
until(Expected, Ask) -> until(Expected, Ask, 30000).

-spec until(Expected :: term(), fun(() -> term()), Milliseconds :: pos_integer()) -> ok.
until(Expected, Ask, Time) -> until_at(Expected, Ask, erlang:monotonic_time(millisecond) + Time).

until_at(Expected, Ask, Deadline) ->
    case Ask() of
        Expected ->
            ok;
        Other ->
            erlang:monotonic_time(millisecond) < Deadline
                orelse error({not_in_time, #{expected => Expected, last => Other}}),
            timer:sleep(20),
            until_at(Expected, Ask, Deadline)
    end.
