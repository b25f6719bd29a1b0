%% One daemon beside another, round by round: `versus`.
-module(versus).

-export([calls/5, links/5, collection/5, show/1]).

-define(BEFORE, 'before@127.0.0.1').
-define(AFTER, 'after@127.0.0.1').

%% One round: rpc, plain messages, and requests of one client that keeps its connection.
calls(Before, After, _, Round, File) ->
    meet(),
    {ok, _} = application:ensure_all_started(inets),
    Work = filename:dirname(File),
    Lists = #{?BEFORE => list(18081, Work, "before"), ?AFTER => list(18082, Work, "after")},
    Many = fun(Node) -> List = maps:get(Node, Lists), [List() || _ <- lists:seq(1, 1000)] end,
    InTurn = fun(Title, Measure) -> in_turn(Title, Measure, Before, After, Round) end,
    keep(File, [
        InTurn("rpc of echo, 1 caller, p50, us", fun(Node, _) -> bench:p50_of_calls(Node, 5000) / 1000 end),
        InTurn("rpc of echo, 100 callers, CPU per call, us",
               fun(Node, Pid) -> per(Pid, 50000, fun() -> bench:callers(Node, 100, 500) end) end),
        InTurn("rpc of echo, 100 callers, time per call, us",
               fun(Node, _) -> bench:timed(fun() -> bench:callers(Node, 100, 500) end) / 50000 / 1000 end),
        InTurn("a message one way, CPU, us", fun(Node, Pid) -> per(Pid, 100000, fun() -> pushed(Node, 100000) end) end),
        InTurn("a message one way, time, us",
               fun(Node, _) -> bench:timed(fun() -> pushed(Node, 100000) end) / 100000 / 1000 end),
        InTurn("GET of a list by REST, CPU, us", fun(Node, Pid) -> per(Pid, 1000, fun() -> Many(Node) end) end)
    ]).

list(Port, Work, Name) ->
    {ok, Token} = file:read_file(filename:join([Work, Name, "api.token"])),
    Url = "http://127.0.0.1:" ++ integer_to_list(Port) ++ "/api/topo/nodes",
    Headers = [{"Authorization", "Bearer " ++ string:trim(binary_to_list(Token))}],
    fun() -> {ok, {{_, 200, _}, _, _}} = httpc:request(get, {Url, Headers}, [], []) end.

%% One round: nodes added to each in turn; then both at rest.
links(Before, After, Nodes, Round, File) ->
    meet(),
    Empty = {bench:resident(Before), bench:resident(After)},
    {CpuB, CpuA} = add_in_turn(Before, After, Nodes, Round),
    timer:sleep(3000),
    {EmptyB, EmptyA} = Empty,
    {MemoryB, MemoryA} = {bench:resident(Before), bench:resident(After)},
    timer:sleep(7000),  % between two trials of agents, which these nodes do not have
    keep(File, [{"CPU until their links are UP, s", CpuB, CpuA},
                {"memory with them at rest, MiB", MemoryB / 1024, MemoryA / 1024},
                {"  of it for one of them, KiB", (MemoryB - EmptyB) / Nodes, (MemoryA - EmptyA) / Nodes},
                at_once("CPU at rest, ms per s", Before, After, 5000)]).

%% The same when the nodes send their metrics.
collection(Before, After, Nodes, Round, File) ->
    meet(),
    add_in_turn(Before, After, Nodes, Round),
    timer:sleep(10000),
    keep(File, [at_once("CPU of collecting, ms per s", Before, After, 20000)]).

add_in_turn(Before, After, Nodes, Round) when Round rem 2 =:= 0 ->
    CpuB = cost_of_links(?BEFORE, Before, Nodes),
    {CpuB, cost_of_links(?AFTER, After, Nodes)};
add_in_turn(Before, After, Nodes, _) ->
    CpuA = cost_of_links(?AFTER, After, Nodes),
    {cost_of_links(?BEFORE, Before, Nodes), CpuA}.

keep(File, Rows) -> ok = file:write_file(File, [io_lib:format("~p.~n", [Row]) || Row <- Rows], [append]).

%% The rows of all rounds.
show(File) ->
    {ok, Rows} = file:consult(File),
    Titles = lists:foldl(fun({Title, _, _}, All) -> All ++ [Title || not lists:member(Title, All)] end, [], Rows),
    [show(Title, [{B, A} || {Of, B, A} <- Rows, Of =:= Title]) || Title <- Titles].

cost_of_links(Node, Pid, Nodes) ->
    Used = bench:cpu(Pid),
    add(Node, 1, Nodes),
    until_up(Node),
    (bench:cpu(Pid) - Used) / 1.0e9.

add(_, Number, Nodes) when Number > Nodes -> ok;
add(Node, Number, Nodes) ->
    {ok, _} = rpc:call(Node, topology, add_node, [#{name => bench:node_name(Number)}]),
    add(Node, Number + 1, Nodes).

until_up(Node) ->
    case rpc:call(Node, topology, list_nodes, [#{state => 'DOWN', limit => 1}]) of
        {ok, #{items := []}} -> ok;
        {ok, _} -> timer:sleep(200), until_up(Node)
    end.

meet() ->
    pong = net_adm:ping(?BEFORE),
    pong = net_adm:ping(?AFTER).

per(Pid, Count, Fun) ->
    Used = bench:cpu(Pid),
    Fun(),
    (bench:cpu(Pid) - Used) / Count / 1000.

pushed(Node, Count) ->
    bench:push(Node, Count, binary:copy(<<"0123456789abcdef">>, 2)),
    {ok, 1} = gen_server:call({muster, Node}, {echo, 1}, infinity).

%% One after the other and back again, both warm: what drifts meanwhile is the same for both.
in_turn(Title, Measure, Before, After, Round) ->
    B = fun() -> Measure(?BEFORE, Before) end,
    A = fun() -> Measure(?AFTER, After) end,
    B(), A(),
    case Round rem 2 of
        0 -> [B1, A1, A2, B2] = [F() || F <- [B, A, A, B]];
        1 -> [A1, B1, B2, A2] = [F() || F <- [A, B, B, A]]
    end,
    {Title, (B1 + B2) / 2, (A1 + A2) / 2}.

%% At the same time: what each used in a window.
at_once(Title, Before, After, Window) ->
    {B, A} = {bench:cpu(Before), bench:cpu(After)},
    timer:sleep(Window),
    {Title, (bench:cpu(Before) - B) / Window / 1000, (bench:cpu(After) - A) / Window / 1000}.

show(Title, Rounds) ->
    Ratios = lists:sort([A / B || {B, A} <- Rounds]),
    Count = length(Ratios),
    Low = lists:nth(max(1, round(Count * 0.27)), Ratios),
    High = lists:nth(min(Count, Count + 1 - round(Count * 0.27)), Ratios),
    Verdict = if Low > 1.03 -> "worse"; High < 0.97 -> "better"; true -> "" end,
    io:format("~-46s~10.2f~10.2f~8.2f  [~.2f, ~.2f] ~s~n",
              [Title, bench:median([B || {B, _} <- Rounds]), bench:median([A || {_, A} <- Rounds]),
               bench:median(Ratios), Low, High, Verdict]).
