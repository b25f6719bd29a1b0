%% The calling side. Every round measures the daemon and a BEAM node one after the other; a row shows the medians
%% of all rounds and of their ratios.
-module(bench).

-export([rpc_latency/2, rpc_throughput/2, one_way/2]).
-export([links_add/3, links_again/2, links_rest/2, links_asked/2, links_tls/2]).
-export([agent_cost/2]).
%% For the other modules here.
-export([add_all/2, node_name/1, until_up/0, resident/1, limit_row/3, cpu/1, timed/1, median/1]).
-export([p50_of_calls/2, callers/3, push/3]).

-define(MUSTER, 'muster@127.0.0.1').
-define(PEER, 'beam@127.0.0.1').

rpc_latency(_, _) ->
    Calls = 10000,
    Loop = median([loopback(Calls div 5) || _ <- lists:seq(1, 5)]),
    Measure = fun(Node, _) -> #{p50 => p50_of_calls(Node, Calls)} end,
    Rounds = rounds(Measure, "", ""),
    io:format("rpc:call of echo, 1 caller, ~b calls, p50 of ~b rounds~n", [Calls, length(Rounds)]),
    header(),
    row("us per call", p50, Rounds, 1000, {at_most, 1.0}),
    io:format("~-28s~12.2f  (gen_tcp ping-pong of 100 bytes)~n", ["raw loopback, us", Loop / 1000]).

rpc_throughput(MusterPid, BeamPid) ->
    Callers = 100,
    Each = 500,
    Measure = fun(Node, Pid) ->
        Before = cpu(Pid),
        Took = timed(fun() -> callers(Node, Callers, Each) end),
        #{rate => Callers * Each * 1.0e9 / Took, cpu => (cpu(Pid) - Before) / (Callers * Each)}
    end,
    Rounds = rounds(Measure, MusterPid, BeamPid),
    io:format("rpc:call of echo, ~b callers, ~b calls each, median of ~b rounds~n",
              [Callers, Each, length(Rounds)]),
    header(),
    row("calls per second", rate, Rounds, 1, {at_least, 1.4}),
    row("CPU per call, us", cpu, Rounds, 1000, {at_most, 0.4}).

one_way(MusterPid, BeamPid) ->
    Messages = 300000,
    Payload = binary:copy(<<"0123456789abcdef">>, 2),
    Measure = fun(Node, Pid) ->
        Before = cpu(Pid),
        Took = timed(fun() ->
            push(Node, Messages, Payload),
            %% Signals between two processes keep their order: the answer says that all have arrived.
            {ok, 1} = gen_server:call({muster, Node}, {echo, 1}, infinity)
        end),
        #{rate => Messages * 1.0e9 / Took, cpu => (cpu(Pid) - Before) / Messages}
    end,
    Rounds = rounds(Measure, MusterPid, BeamPid),
    io:format("{muster, Node} ! {push, I, 32 bytes}, ~b messages, median of ~b rounds~n",
              [Messages, length(Rounds)]),
    header(),
    row("messages per second", rate, Rounds, 1, {at_least, 0.95}),
    row("CPU per message, us", cpu, Rounds, 1000, {at_most, 0.6}).

%% Adds the farm's nodes one by one, and waits until all are UP.
links_add(Pid, Nodes, Options) ->
    pong = net_adm:ping(?MUSTER),
    Before = cpu(Pid),
    Took = timed(fun() ->
        add_all(Nodes, Options#{agents => none}),
        until_up()
    end),
    limit_row("CPU until all are UP, added one by one, s", (cpu(Pid) - Before) / 1.0e9, 3.0),
    io:format("~-46s~10.2f~n", ["  that took, s", Took / 1.0e9]).

%% Nodes that speak TLS: memory per node at rest; Before as in links_rest.
links_tls(Pid, {Nodes, Before}) ->
    links_add(Pid, Nodes, #{tls => true}),
    timer:sleep(5000),
    io:format("~-46s~10.2f~n", ["memory per node at rest, TLS, KiB", (resident(Pid) - Before) / Nodes]).

%% The daemon has just been started and knows the nodes from its rows.
links_again(Pid, _Nodes) ->
    pong = net_adm:ping(?MUSTER),
    until_up(),
    limit_row("CPU until all are UP, from the start, s", cpu(Pid) / 1.0e9, 3.0).

%% Memory and CPU at rest; Before is the daemon's memory in KiB without nodes.
%% Each node is asked once, ten seconds after it came UP: rest begins after that.
links_rest(Pid, {Nodes, Before}) ->
    timer:sleep(30000),
    limit_row("memory per node at rest, KiB", (resident(Pid) - Before) / Nodes, 16.0),
    io:format("~-46s~10.2f  (both ends of the connections)~n",
              ["kernel buffers per node, KiB", socket_pages() * 4 / Nodes]),
    limit_row("idle CPU over a minute, % of a core", share_of_a_minute(Pid), 1.0).

%% CPU when every node is asked for its metrics once a minute, by plain calls.
links_asked(Pid, _Nodes) ->
    pong = net_adm:ping(?MUSTER),
    until_up(),
    timer:sleep(30000),
    io:format("~-46s~10.2f  (% of a core)~n", ["CPU over a minute, all asked by plain calls",
                                            share_of_a_minute(Pid)]).

share_of_a_minute(Pid) ->
    Used = cpu(Pid),
    Took = timed(fun() -> timer:sleep(60000) end),
    100 * (cpu(Pid) - Used) / Took.

%% Pids: of a node that is left alone and one that is watched, idle and with many processes.
agent_cost(Seconds, Pids) ->
    pong = net_adm:ping(?MUSTER),
    Watched = [watched_name(Name) || Name <- [idle_watched, full_watched]],
    [{ok, _} = rpc:call(?MUSTER, topology, add_node, [#{name => atom_to_list(Node)}]) || Node <- Watched],
    until_up(),
    timer:sleep(20000),
    Before = [{Name, cpu(Pid)} || {Name, Pid} <- Pids],
    Took = timed(fun() -> timer:sleep(Seconds * 1000) end),
    Used = [{Name, (cpu(Pid) - proplists:get_value(Name, Before)) * 100 / Took} || {Name, Pid} <- Pids],
    Of = fun(Name) -> proplists:get_value(Name, Used) end,
    [io:format("~-46s~10.4f~n", [io_lib:format("  CPU of ~s, % of a core", [Name]), Share]) || {Name, Share} <- Used],
    limit_row("watching an idle node, % of a core", Of(idle_watched) - Of(idle_free), 0.05),
    limit_row("watching one with many processes, % of a core", Of(full_watched) - Of(full_free), 0.2),
    [memory_row(Node) || Node <- Watched].

watched_name(Name) -> list_to_atom(atom_to_list(Name) ++ "@127.0.0.1").

%% What the agents' processes hold; the code of their modules beside it.
memory_row(Node) ->
    Agents = [Name || Name <- rpc:call(Node, erlang, registered, []),
                      lists:prefix("muster_agent", atom_to_list(Name))],
    Own = [begin
               Pid = rpc:call(Node, erlang, whereis, [Name]),
               {memory, Bytes} = rpc:call(Node, erlang, process_info, [Pid, memory]),
               {monitors, Monitors} = rpc:call(Node, erlang, process_info, [Pid, monitors]),
               Guards = [rpc:call(Node, erlang, process_info, [P, memory])
                         || {process, P} <- Monitors, node(P) =:= Node],
               Bytes + lists:sum([B || {memory, B} <- Guards])
           end || Name <- Agents],
    Free = list_to_atom(lists:flatten(string:replace(atom_to_list(Node), "watched", "free"))),
    Code = rpc:call(Node, erlang, memory, [code]) - rpc:call(Free, erlang, memory, [code]),
    Name = hd(string:lexemes(atom_to_list(Node), "@")),
    limit_row(io_lib:format("~b agents on ~s, with their code, KiB", [length(Agents), Name]),
              (lists:sum(Own) + Code) / 1024, 256.0),
    io:format("~-46s~10.2f~n", ["  their processes", lists:sum(Own) / 1024]),
    %% And of what of OTP is loaded for them, if anything.
    io:format("~-46s~10.2f~n", ["  code that the same node without them lacks", Code / 1024]).

add_all(Nodes, Options) ->
    Adders = 16,
    Running = [spawn_monitor(fun() -> add_nodes(First, Adders, Nodes, Options) end) || First <- lists:seq(1, Adders)],
    [receive {'DOWN', Ref, process, P, Reason} -> normal = Reason end || {P, Ref} <- Running].

add_nodes(Number, _, Nodes, _) when Number > Nodes -> ok;
add_nodes(Number, Step, Nodes, Options) ->
    {ok, _} = rpc:call(?MUSTER, topology, add_node, [Options#{name => node_name(Number)}]),
    add_nodes(Number + Step, Step, Nodes, Options).

%% Of a node of the farm.
node_name(Number) ->
    lists:flatten(io_lib:format("f~b@127.~b.~b.~b",
                                [Number, 1 + (Number bsr 16), (Number bsr 8) band 255, Number band 255])).

until_up() ->
    case rpc:call(?MUSTER, topology, list_nodes, [#{state => 'DOWN', limit => 1}]) of
        {ok, #{items := []}} -> ok;
        {ok, _} -> timer:sleep(200), until_up()
    end.

resident(Pid) ->
    {ok, Status} = file:read_file("/proc/" ++ Pid ++ "/status"),
    {match, [KiB]} = re:run(Status, "VmRSS:\\s+(\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(KiB).

socket_pages() ->
    {ok, Text} = file:read_file("/proc/net/sockstat"),
    {match, [Pages]} = re:run(Text, "TCP:.* mem (\\d+)", [{capture, all_but_first, list}]),
    list_to_integer(Pages).

limit_row(Title, Value, Bar) ->
    Verdict = case Value =< Bar of true -> "met"; false -> "MISSED" end,
    Digits = case Bar < 1 of true -> 4; false -> 2 end,
    io:format("~-46s~10.*f  <= ~w ~s~n", [Title, Digits, Value, Bar, Verdict]).

rounds(Measure, MusterPid, BeamPid) ->
    pong = net_adm:ping(?MUSTER),
    pong = net_adm:ping(?PEER),
    Round = fun() -> {Measure(?MUSTER, MusterPid), Measure(?PEER, BeamPid)} end,
    Round(),  % warms both up
    [Round() || _ <- lists:seq(1, list_to_integer(os:getenv("ROUNDS", "5")))].

p50_of_calls(Node, Calls) ->
    median([timed(fun() -> {ok, 1} = rpc:call(Node, muster, echo, [1]) end) || _ <- lists:seq(1, Calls)]).

callers(Node, Callers, Each) ->
    Call = fun() -> [{ok, 1} = rpc:call(Node, muster, echo, [1]) || _ <- lists:seq(1, Each)] end,
    Running = [spawn_monitor(Call) || _ <- lists:seq(1, Callers)],
    [receive {'DOWN', Ref, process, Pid, Reason} -> normal = Reason end || {Pid, Ref} <- Running].

push(_, 0, _) -> ok;
push(Node, I, Payload) ->
    {muster, Node} ! {push, I, Payload},
    push(Node, I - 1, Payload).

%% The least a request and a reply cost here: two processes of this node over a socket.
loopback(Calls) ->
    {ok, Listener} = gen_tcp:listen(0, [binary, {ip, {127, 0, 0, 1}}, {active, false}]),
    {ok, Port} = inet:port(Listener),
    spawn_link(fun() ->
        {ok, Accepted} = gen_tcp:accept(Listener),
        inet:setopts(Accepted, [{nodelay, true}]),
        echo(Accepted)
    end),
    {ok, Socket} = gen_tcp:connect({127, 0, 0, 1}, Port, [binary, {active, false}, {nodelay, true}]),
    Bytes = binary:copy(<<"x">>, 100),
    Once = fun() -> ok = gen_tcp:send(Socket, Bytes), {ok, Bytes} = gen_tcp:recv(Socket, 100) end,
    median([timed(Once) || _ <- lists:seq(1, Calls)]).

echo(Socket) ->
    case gen_tcp:recv(Socket, 100) of
        {ok, Bytes} -> ok = gen_tcp:send(Socket, Bytes), echo(Socket);
        {error, closed} -> ok
    end.

%% Nanoseconds of CPU that all threads of a process have used.
cpu(Pid) ->
    lists:sum([nanoseconds(File) || File <- filelib:wildcard("/proc/" ++ Pid ++ "/task/*/schedstat")]).

nanoseconds(File) ->
    case file:read_file(File) of
        {ok, Text} -> binary_to_integer(hd(binary:split(Text, <<" ">>)));
        {error, _} -> 0
    end.

timed(Fun) ->
    Began = erlang:monotonic_time(nanosecond),
    Fun(),
    erlang:monotonic_time(nanosecond) - Began.

median(Values) -> lists:nth((length(Values) + 1) div 2, lists:sort(Values)).

header() -> io:format("~-28s~12s~12s~12s  ~s~n", ["", "muster", "BEAM", "ratio", "bar"]).

row(Title, Key, Rounds, Unit, {Sense, Bar}) ->
    Muster = median([map_get(Key, M) || {M, _} <- Rounds]) / Unit,
    Beam = median([map_get(Key, B) || {_, B} <- Rounds]) / Unit,
    Ratio = median([map_get(Key, M) / map_get(Key, B) || {M, B} <- Rounds]),
    {Sign, Met} =
        case Sense of
            at_most -> {"<=", Ratio =< Bar};
            at_least -> {">=", Ratio >= Bar}
        end,
    Verdict = case Met of true -> "met"; false -> "MISSED" end,
    io:format("~-28s~12.2f~12.2f~12.2f  ~s ~.2f ~s~n", [Title, Muster, Beam, Ratio, Sign, Bar, Verdict]).
