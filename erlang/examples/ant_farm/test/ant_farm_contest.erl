%% Three connected colonies against three isolated ones: same instances, same number of ants, real
%% nodes. bench/contest prints it, ant_farm_SUITE asserts it.
-module(ant_farm_contest).

-export([main/0, play/1, median/1, with_epmd/1, free_port/0]).
-export_type([round/0]).

-type round() :: #{seed := integer(), connected := cost(), isolated := cost(),
                   cpu_connected := ms(), cpu_isolated := ms()}.
-type cost() :: non_neg_integer().
-type ms() :: non_neg_integer().

-define(COLONIES, 3).
-define(SETTINGS, #{jobs => 150, ants => 20, solutions => 4000, pause_ms => 0, share_ms => 0}).
-define(PATIENCE_MS, 120000).

%% Prints the table and ends the emulator, with 1 when the connected colonies did not win.
-spec main() -> no_return().
main() ->
    #{jobs := Jobs, ants := Ants, solutions := Solutions} = ?SETTINGS,
    io:format("~w colonies a side, ~w jobs, ~w solutions each (~w iterations of ~w ants)~n~n"
              "seed   connected    isolated   ratio   cpu ms connected/isolated~n",
              [?COLONIES, Jobs, Solutions, Solutions div Ants, Ants]),
    Rounds = play(lists:seq(1, 9)),
    lists:foreach(
      fun(#{seed := Seed, connected := C, isolated := I, cpu_connected := CpuC,
            cpu_isolated := CpuI} = Round) ->
              io:format("~4w ~11w ~11w  ~6.4f   ~w/~w~n", [Seed, C, I, ratio(Round), CpuC, CpuI])
      end, Rounds),
    Median = median([ratio(Round) || Round <- Rounds]),
    Won = length([won || #{connected := C, isolated := I} <- Rounds, C < I]),
    io:format("~nmedian ratio ~6.4f (below 1: connected is better), connected won ~w of ~w~n",
              [Median, Won, length(Rounds)]),
    halt(case Median < 1 of true -> 0; false -> 1 end).

%% One round per seed.
-spec play([integer()]) -> [round()].
play(Seeds) ->
    with_epmd(
      fun() ->
              with_nodes("connected", fun(Connected) ->
              with_nodes("isolated", fun(Isolated) ->
                  connect(Connected),
                  [play(Seed, Connected, Isolated) || Seed <- Seeds]
              end) end)
      end).

-spec median([number()]) -> number().
median(Numbers) -> lists:nth((length(Numbers) + 1) div 2, lists:sort(Numbers)).

ratio(#{connected := Same, isolated := Same}) -> 1.0;
ratio(#{connected := C, isolated := I}) -> C / I.

play(Seed, Connected, Isolated) ->
    {CostC, CpuC} = run(Seed, Connected),
    {CostI, CpuI} = run(Seed, Isolated),
    #{seed => Seed, connected => CostC, isolated => CostI, cpu_connected => CpuC,
      cpu_isolated => CpuI}.

%% The best of the nodes' best orders, and the CPU all of them used.
run(Seed, Nodes) ->
    Cpu0 = cpu(Nodes),
    [begin
         _ = peer:call(Node, application, load, [ant_farm]),
         [ok = peer:call(Node, application, set_env, [ant_farm, Key, Value])
          || {Key, Value} <- maps:to_list((?SETTINGS)#{seed => Seed})]
     end || Node <- Nodes],
    ok = at_once(fun(Node) -> ok = peer:call(Node, application, start, [ant_farm]) end, Nodes),
    Deadline = erlang:monotonic_time(millisecond) + ?PATIENCE_MS,
    Costs = [wait_done(Node, Deadline) || Node <- Nodes],
    [ok = peer:call(Node, application, stop, [ant_farm]) || Node <- Nodes],
    {lists:min(Costs), cpu(Nodes) - Cpu0}.

wait_done(Node, Deadline) ->
    case peer:call(Node, ant_farm, status, []) of
        #{state := done, cost := Cost} ->
            Cost;
        #{state := working} = Status ->
            erlang:monotonic_time(millisecond) < Deadline orelse error({too_slow, Status}),
            timer:sleep(20),
            wait_done(Node, Deadline)
    end.

at_once(Fun, Nodes) ->
    Callers = [spawn_monitor(fun() -> Fun(Node) end) || Node <- Nodes],
    [receive {'DOWN', Monitor, process, Pid, Reason} -> normal = Reason end
     || {Pid, Monitor} <- Callers],
    ok.

cpu(Nodes) ->
    lists:sum([element(1, peer:call(Node, erlang, statistics, [runtime])) || Node <- Nodes]).

connect([_]) ->
    ok;
connect([First | Others]) ->
    Name = peer:call(First, erlang, node, []),
    [true = peer:call(Node, net_kernel, connect_node, [Name]) || Node <- Others],
    connect(Others).

%% Nodes that are controlled through their standard input: the contest itself is in no mesh.
with_nodes(Side, Fun) ->
    Nodes = [start_node(Side ++ integer_to_list(I)) || I <- lists:seq(1, ?COLONIES)],
    try Fun(Nodes) after [peer:stop(Node) || Node <- Nodes] end.

start_node(Name) ->
    {ok, Node, _} = peer:start_link(#{name => Name, host => "127.0.0.1",
                                      longnames => true, connection => standard_io, wait_boot => 60000,
                                      args => ["-setcookie", "contest", "-kernel", "logger_level", "error",
                                               "-pa" | code:get_path()]}),
    Node.

%% An epmd of our own, so that nobody else's is used, started or stopped.
-spec with_epmd(fun(() -> Result)) -> Result.
with_epmd(Fun) ->
    Old = os:getenv("ERL_EPMD_PORT"),
    os:putenv("ERL_EPMD_PORT", free_port()),
    [] = os:cmd("ERL_EPMD_ADDRESS=127.0.0.1 epmd -daemon"),
    try
        Fun()
    after
        os:cmd("epmd -kill"),
        case Old of
            false -> os:unsetenv("ERL_EPMD_PORT");
            _ -> os:putenv("ERL_EPMD_PORT", Old)
        end
    end.

%% Below those that the system gives to outgoing connections, one of which could take it meanwhile.
-spec free_port() -> string().
free_port() ->
    Port = 30000 + rand:uniform(2000),
    case gen_tcp:listen(Port, [{ip, {127, 0, 0, 1}}]) of
        {ok, Socket} -> ok = gen_tcp:close(Socket), integer_to_list(Port);
        {error, eaddrinuse} -> free_port()
    end.
