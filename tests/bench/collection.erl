%% Thousands of nodes that send what they measure: `collection`.
-module(collection).

-export([write/4, run/6]).

-define(MUSTER, 'muster@127.0.0.1').

%% A file for muster_farm: {Version, Sample}, a sample of a real agent with so many of the numbers that the
%% catalogue has, and the links of a node to three others.
write(File, AppFile, Catalogue, Metrics) ->
    {ok, [{application, _, Keys}]} = file:consult(AppFile),
    {ok, _} = muster_agent_metrics:start(#{pid => self(), interval_ms => 1000}),
    receive {muster_agent, metrics, _, _} -> ok end,
    Sample = receive {muster_agent, metrics, _, Second} -> Second end,
    muster_agent_metrics:stop(),
    {ok, Json} = file:read_file(Catalogue),
    {match, Read} = re:run(Json, "\"read\": \"([^\"]+)\"", [global, {capture, all_but_first, list}]),
    Paths = [string:lexemes(Path, ".") || [Path] <- Read],
    {Values, Left} = keep(maps:get(values, Sample), [], Paths, Metrics),
    Left =:= 0 orelse io:format("a real sample has no more than ~b~n", [Metrics - Left]),
    ok = file:write_file(File, term_to_binary({proplists:get_value(vsn, Keys), Sample#{values := Values}})).

%% The first so many numbers that somebody reads: single ones, then those that there are many of.
keep(Map, Path, Paths, Left) when is_map(Map) ->
    lists:foldl(fun({Key, Value}, {Kept, N}) ->
                        case keep(Value, Path ++ [text(Key)], Paths, N) of
                            {none, Rest} -> {Kept, Rest};
                            {New, Rest} -> {Kept#{Key => New}, Rest}
                        end
                end, {#{}, Left}, small_first(Map));
keep(Number, Path, Paths, Left) when is_number(Number), Left > 0 ->
    case lists:any(fun(P) -> fits(Path, P) end, Paths) of
        true -> {Number, Left - 1};
        false -> {none, Left}
    end;
keep(_, _, _, Left) -> {none, Left}.

small_first(Map) ->
    [Pair || {_, Pair} <- lists:sort([{erlang:external_size(V), {K, V}} || {K, V} <- maps:to_list(Map)])].

fits([], []) -> true;
fits([_ | Path], ["*" | Pattern]) -> fits(Path, Pattern);
fits([Key | Path], [Key | Pattern]) -> fits(Path, Pattern);
fits(_, _) -> false.

text(Key) -> lists:flatten(io_lib:format("~w", [Key])).

run(Pid, Nodes, Interval, Seconds, Url, Data) ->
    pong = net_adm:ping(?MUSTER),
    {ok, _} = application:ensure_all_started(inets),
    Before = bench:resident(Pid),
    bench:add_all(Nodes, #{}),
    bench:until_up(),
    timer:sleep((Interval + 10) * 1000),  % all have sent something
    {ok, #{items := [#{values := Values}]}} = call(metrics, latest, #{node => name(Nodes)}),
    FirstUsed = bench:cpu(Pid),
    Bytes = stored(Data),
    Took = bench:timed(fun() -> timer:sleep(Seconds * 1000) end),
    Used = bench:cpu(Pid) - FirstUsed,
    Written = stored(Data) - Bytes,
    true = Written > 0,  % kept, and not only shown
    Resident = bench:resident(Pid),
    Count = length(Values),
    bench:limit_row("CPU, % of a core", 100 * Used / Took, 25.0),
    bench:limit_row("memory of the daemon, MiB", Resident / 1024, 1024.0),
    plain("  per node, KiB", (Resident - Before) / Nodes),
    plain("samples per node and collection", float(Count)),
    plain("samples taken in per second", Count * Nodes / Interval),
    plain("CPU per sample, us", Used / 1000 / (Count * Nodes / Interval * Took / 1.0e9)),
    plain("journal, bytes per sample", Written / (Count * Nodes * Seconds / Interval)),
    Latest = [bench:timed(fun() -> {ok, _} = call(metrics, latest, #{node => name(N * Nodes div 101)}) end)
              || N <- lists:seq(1, 100)],
    plain("latest values of a node, median, ms", bench:median(Latest) / 1.0e6),
    All = [bench:timed(fun() -> {ok, _} = call(metrics, latest, #{node => name(N), metrics => ["memory.total"]}) end)
           || N <- lists:seq(1, 100)],
    plain("  one metric of it, median, ms", bench:median(All) / 1.0e6),
    Scrapes = [scrape(Pid, Url, Data) || _ <- lists:seq(1, 3)],
    {Time, Cpu, Size} = lists:nth(2, lists:sort(Scrapes)),
    plain("/metrics of all nodes, MB", Size / 1.0e6),
    plain("  time, s (median of 3)", Time / 1.0e9),
    plain("  CPU of the daemon, s", Cpu / 1.0e9),
    plain("memory after that, MiB", bench:resident(Pid) / 1024).

plain(Title, Value) -> io:format("~-46s~10.2f~n", [Title, Value]).

call(Service, Operation, Request) -> rpc:call(?MUSTER, Service, Operation, [Request]).

name(0) -> name(1);
name(Number) -> bench:node_name(Number).

%% Bytes that the journal of the hour has.
stored(Data) -> lists:sum([filelib:file_size(F) || F <- filelib:wildcard(Data ++ "/metrics/*.journal")]).

%% By a program of its own: 10,000 nodes make hundreds of megabytes.
scrape(Pid, Url, Data) ->
    Before = bench:cpu(Pid),
    Text = os:cmd("curl -s -o /dev/null -w '%{time_total} %{size_download} %{http_code}' "
                  "-H \"Authorization: Bearer $(cat " ++ Data ++ "/api.token)\" " ++ Url ++ "/metrics"),
    [Time, Size, "200"] = string:lexemes(Text, " "),
    {list_to_float(Time) * 1.0e9, bench:cpu(Pid) - Before, list_to_integer(Size)}.
