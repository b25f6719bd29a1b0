%% Metrics of libraries that the host's own code feeds: mnesia, folsom, exometer, telemetry. They are
%% found by what is loaded and running, never loaded or started by us.
%%
%% Per pass at most MOST_USER metrics, USER_US microseconds and USER_BYTES bytes; the next pass goes on
%% where this one stopped, so all get their turn. A value is a number or, for kinds with several, a map.
-define(MOST_USER, 1000).
-define(USER_US, 20000).
-define(USER_BYTES, 100000).
-define(MOST_EVENTS, 200).
-define(EVENTS_MEASURED, 1000).

%%% Mnesia: sizes of its tables rather than lists of locks

mnesia() ->
    case whereis(mnesia_tm) of
        undefined -> throw(not_running);
        Tm ->
            Items = [checkpoints, db_nodes, dc_dump_limit, dump_log_time_threshold,
                     dump_log_write_threshold, extra_db_nodes, local_tables, master_node_tables,
                     no_table_loaders, running_db_nodes, subscribers, tables, transaction_commits,
                     transaction_failures, transaction_log_writes, transaction_restarts],
            Own = [{I, amount(ask(mnesia, system_info, [I]))} || I <- Items],
            Locks = [{Key, N} || {Table, Key} <- [{mnesia_held_locks, held_locks},
                                                  {mnesia_lock_queue, lock_queue}],
                                 N <- [ets:info(Table, size)], is_integer(N)],
            %% This one asks the transaction manager, which must not be made to wait for us.
            Running = [{transactions, length(ask(mnesia, system_info, [transactions]))}
                       || {message_queue_len, N} <- [process_info(Tm, message_queue_len)], N < 10],
            maps:from_list(Own ++ Locks ++ Running)
    end.

amount(List) when is_list(List) -> length(List);
amount(Number) when is_number(Number) -> Number;
amount(_) -> 0.

%%% What users count: [{Library, Name, Kind, Value}]

user(#{cursor := Cursor} = State) ->
    {Events, State1} = telemetry(State),
    try apart(fun() -> collect(Cursor, Events) end) of
        {[], [], _} -> {#{}, #{}, State1};
        {Values, Left, Next} ->
            {#{user => Values}, case Left of [] -> #{}; _ -> #{user => {not_read, length(Left)}} end,
             State1#{cursor := Next}}
    catch
        throw:Why -> {#{}, #{user => Why}, State1}
    end.

-dialyzer({nowarn_function, [{apart, 1}]}).

%% In a process of its own: what others keep may be large, and what they run may not answer. It ends
%% with the agent, which traps exits.
apart(Work) ->
    Agent = self(),
    Limits = [link, monitor, {max_heap_size, #{size => 1 bsl 22, kill => true, error_logger => false}}],
    {Pid, Monitor} = spawn_opt(fun() -> Done = {done, Work()}, unlink(Agent), exit(Done) end, Limits),
    receive
        {'DOWN', Monitor, process, Pid, {done, Result}} -> Result;
        {'DOWN', Monitor, process, Pid, _} -> throw(failed)
    after 1000 ->
        erlang:demonitor(Monitor, [flush]),
        exit(Pid, kill),
        throw(timeout)
    end.

collect(Cursor, Events) ->
    Names = folsom_names() ++ exometer_names(),
    {Before, After} = lists:split(min(Cursor, length(Names)), Names),
    Until = erlang:monotonic_time(microsecond) + ?USER_US,
    {Values, Left} = user(After ++ Before, Until, ?MOST_USER - length(Events), ?USER_BYTES, Events),
    {Values, Left, (Cursor + length(Names) - length(Left)) rem max(1, length(Names))}.

user([{Library, Name, Kind} | Rest] = All, Until, Most, Bytes, Values)
  when Most > 0, Bytes > 0 ->
    case erlang:monotonic_time(microsecond) > Until of
        true -> {Values, All};
        false ->
            case try value(Library, Name, Kind) catch _:_ -> none end of
                none -> user(Rest, Until, Most, Bytes, Values);
                Value ->
                    One = {Library, Name, Kind, Value},
                    user(Rest, Until, Most - 1, Bytes - erlang:external_size(One), [One | Values])
            end
    end;
user(Left, _, _, _, Values) ->
    {Values, Left}.

folsom_names() ->
    case ets:whereis(folsom) =/= undefined
        andalso erlang:function_exported(folsom_metrics, get_metrics_info, 0) of
        true -> [{folsom, Name, proplists:get_value(type, Info)}
                 || {Name, Info} <- ask(folsom_metrics, get_metrics_info, [])];
        false -> []
    end.

exometer_names() ->
    case erlang:function_exported(exometer, find_entries, 1) andalso whereis(exometer_admin) of
        Admin when is_pid(Admin) ->
            %% An entry of type cpu logs a warning each time when os_mon is not there.
            [{exometer, Name, Kind} || {Name, Kind, enabled} <- ask(exometer, find_entries, [[]]),
                                       Kind =/= cpu];
        _ -> []
    end.

%% folsom keeps a counter in 16 rows; its own get_metric_value/1 looks through all counters' rows.
value(folsom, Name, counter) ->
    lists:sum([N || I <- lists:seq(0, 15), {_, N} <- ets:lookup(folsom_counters, {Name, I})]);
value(folsom, Name, histogram) ->
    points(ask(folsom_metrics, get_histogram_statistics, [Name]));
value(folsom, Name, history) ->
    [[#{at => At, event => text(Event)} || {event, Event} <- Events]
     || {At, Events} <- lists:sublist(ask(folsom_metrics, get_metric_value, [Name]), 10)];
value(folsom, Name, _) ->
    points(ask(folsom_metrics, get_metric_value, [Name]));
value(exometer, Name, _) ->
    {ok, Points} = ask(exometer, get_value, [Name]),
    case Points of
        [{value, Value} | _] -> points(Value);
        _ -> points(Points)
    end.

%% Numbers, and lists of pairs as maps: bins of a histogram and percentiles are keyed by number.
points(Number) when is_number(Number) -> Number;
points([{_, _} | _] = Pairs) ->
    maps:from_list([{Key, points(V)} || {Key, V} <- Pairs, is_number(V) orelse is_list(V)]);
points(_) -> none.

text(Term) ->
    unicode:characters_to_binary(io_lib:format("~0tP", [Term, 20])).

%% Whoever is not there at compile time is called through here.
ask(Module, Function, Arguments) -> apply(Module, Function, Arguments).

%%% telemetry: a handler beside those that others have attached, to the same events. It counts every
%%% event, and of the first EVENTS_MEASURED of a pass each measurement: how many, their sum, the last,
%%% in whole numbers. It runs in the processes of the host, so it never fails.

telemetry(State) ->
    case erlang:function_exported(telemetry, list_handlers, 1)
        andalso whereis(telemetry_handler_table) of
        Server when is_pid(Server) ->
            Events = try attached(maps:get(events, State)) catch _:_ -> maps:get(events, State) end,
            {counted(Events), State#{events := Events}};
        _ ->
            {[], State}
    end.

attached(none) ->
    attached(#{looked => none, indices => #{}, counts => atomics:new(2 * ?MOST_EVENTS, []),
               table => ets:new(?AGENT, [public, {write_concurrency, true}])});
attached(#{looked := Looked, indices := Indices} = Events) ->
    Now = erlang:monotonic_time(millisecond),
    %% Where handlers are kept as a persistent term, each new one costs the host a collection of all
    %% its processes' garbage.
    Kept = element(1, persistent_term:get(telemetry, {telemetry_ets})),
    case Kept =:= telemetry_pt orelse (is_integer(Looked) andalso Now - Looked < ?SLOW_MS) of
        true -> Events;
        false ->
            All = apart(fun() -> [{Event, Id} || #{event_name := Event, id := Id}
                                                     <- ask(telemetry, list_handlers, [[]])]
                        end),
            Ours = [Event || {Event, {?AGENT, _}} <- All],
            New = lists:usort([Event || {Event, _} <- All]) -- Ours,
            Some = lists:sublist(New, ?MOST_EVENTS - map_size(Indices)),
            lists:foldl(fun attach/2, Events#{looked := Now}, Some)
    end.

attach(Event, #{indices := Indices, counts := Counts, table := Table} = Events) ->
    Index = maps:get(Event, Indices, 2 * map_size(Indices) + 1),
    Id = {?AGENT, Event},
    also_hold({telemetry, Id}),
    _ = ask(telemetry, attach, [Id, Event, fun ?AGENT:event/4, {Table, Counts, Index}]),
    Events#{indices := Indices#{Event => Index}}.

counted(none) -> [];
counted(#{indices := Indices, counts := Counts, table := Table}) ->
    Totals = [begin
                  atomics:put(Counts, Index + 1, ?EVENTS_MEASURED),
                  {telemetry, Event, counter, atomics:get(Counts, Index)}
              end || {Event, Index} <- maps:to_list(Indices)],
    Totals ++ [{telemetry, Event ++ [Key], measurement, #{count => N, sum => Sum, last => Last}}
               || {{Event, Key}, N, Sum, Last} <- ets:tab2list(Table)].

-spec event([atom()], map(), term(), {ets:tid(), atomics:atomics_ref(), pos_integer()}) -> ok.
event(Event, Measurements, _, {Table, Counts, Index}) ->
    try
        atomics:add(Counts, Index, 1),
        case atomics:sub_get(Counts, Index + 1, 1) >= 0 of
            true -> maps:fold(fun(Key, Value, _) -> measured(Table, {Event, Key}, Value) end, ok,
                              Measurements);
            false -> ok
        end
    catch _:_ -> ok
    end.

measured(Table, Key, Value) when is_number(Value) ->
    Whole = trunc(Value),
    _ = case ets:info(Table, size) < ?MOST_USER orelse ets:member(Table, Key) of
            true -> ets:update_counter(Table, Key, [{2, 1}, {3, Whole}, {4, 0, -1 bsl 58, Whole}],
                                       {Key, 0, 0, 0});
            false -> none
        end,
    ok;
measured(_, _, _) -> ok.
