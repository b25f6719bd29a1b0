%% Agent "metrics": every reading of schemas/metrics.json, once per interval, and chosen ones every
%% second while somebody watches.
%%
%% What it sends: #{at => SystemTimeMs, interval_ms => N, values => #{Key => Value}, lacking =>
%% #{Key => Why}, agent => #{...}}. A value is a number, or a map to any depth whose leaves are
%% numbers; `user` is a list of {Library, Name, Kind, Value}. Counters are totals since the node or
%% the thing counted started: nobody's "since last call" is touched.
%%
%% Settings, {muster_agent_settings, Pid, #{...}}: `interval_ms`; `live` => [Key] (the values of these
%% keys once per `live_interval_ms`, 1000) for `live_ms` (60000) from now unless renewed; [] ends it.
%%
%% Cost for the host: a pass takes about 1 ms of one scheduler, is the same for 100 and for 100,000
%% processes, and sends 5 kB. Keys of slow/0 are read every ten minutes and repeated in between. All
%% is bounded: 200 links, 2,000 ports, 1,000 metrics of libraries in 20 ms and 100 kB per pass (the
%% next pass goes on where this one stopped); beyond that `lacking` says how many. When the run queue
%% is longer than 4 per scheduler only what costs next to nothing is read; when the link to the daemon
%% is full, nothing; `agent.backed_off` says so.
%%
%% What it takes of the host and gives back: scheduler_wall_time (a reference of its own process),
%% microstate accounting (the guard turns it off if it was off), one telemetry handler per event that
%% others listen to, and a table of 1,000 counters for those. It calls processes of the host only
%% with a time limit. Kernel and stdlib of OTP 22 to 29, and mnesia, os_mon, folsom, exometer and
%% telemetry where they run already.
-ifndef(AGENT).
-define(AGENT, muster_agent_metrics).
-endif.
-module(?AGENT).

-export([vsn/0, start/1, stop/0, sample/1, event/4]).

-define(NAME, metrics).
-define(MOST_HEAP_WORDS, 1 bsl 18).
-define(SLOW_MS, 600000).
-include("muster_agent.hrl").
-include("muster_agent_host.hrl").
-include("muster_agent_libraries.hrl").

-define(MOST_PEERS, 200).
-define(MOST_PORTS, 2000).

%% What is read with one cheap call each; the key is the call's argument.
-define(SYSTEM, [process_count, process_limit, port_count, port_limit, atom_count, atom_limit,
                 ets_count, ets_limit, schedulers, schedulers_online, dirty_cpu_schedulers,
                 dirty_cpu_schedulers_online, dirty_io_schedulers, thread_pool_size,
                 logical_processors, logical_processors_available, logical_processors_online,
                 wordsize, smp_support, threads, time_correction, dist_buf_busy_limit]).
-define(STATISTICS, [run_queue, total_run_queue_lengths_all, total_active_tasks,
                     total_active_tasks_all]).
-define(SOCKET, [recv_oct, recv_cnt, recv_max, send_oct, send_cnt, send_max, send_pend]).
-define(TOTALS, [reductions, context_switches, runtime, wall_clock]).

cheap() ->
    ?SYSTEM ++ ?STATISTICS ++ ?TOTALS
        ++ [memory, gc, io, run_queues, nodes, time, queues, persistent_term, registered,
            process_groups, dets_count].

%% Under pressure, too, what tells of it: it takes microseconds.
dear(run_queue) -> [scheduler_wall_time, os_process];
dear(none) ->
    [microstate_accounting, check_io, allocators, dist, ports, sockets, timers, os, cpu, mnesia
     | dear(run_queue)].

slow() -> [code, applications, areas, os_limits, disk].

%% One pass by itself. Without scheduler utilisation, which takes two.
-spec sample(#{keys => [atom()]}) -> map().
sample(Options) ->
    {Values, Lacking} = read_all(maps:get(keys, Options, cheap() ++ dear(none) ++ slow())),
    #{at => erlang:system_time(millisecond), values => Values, lacking => Lacking}.

%%% What the skeleton calls. State: #{slow => {At, Values, Lacking}, msacc, cursor, events}.
%%% Data: #{handle, peer, live, live_ms, until, turn, busy => #{What => {Active, Total}}}.

first() ->
    _ = process_flag(trap_exit, true),
    _ = erlang:system_flag(scheduler_wall_time, true),
    #{slow => none, msacc => take_msacc(), cursor => 0, events => none}.

lease({Pid, _} = Handle, _, State) ->
    {#{handle => Handle, peer => node(Pid), live => [], live_ms => 1000, until => 0, turn => 0,
       busy => #{}}, State}.

tick(interval, #{busy := Busy, peer := Peer} = Data, State) ->
    case pressure(Peer) of
        dist_queue ->
            {sample_of(#{}, #{all => backed_off}, dist_queue), Data, State};
        Why ->
            {Values, Lacking} = read_all(cheap() ++ dear(Why)),
            {Used, Now} = utilization(Values, maps:get(interval, Busy, none)),
            {More, MoreLacking, New} = more(Why, Values, State),
            All = maps:merge(maps:merge(Values, Used), More),
            {sample_of(All, maps:merge(Lacking, MoreLacking), Why),
             Data#{busy := Busy#{interval => Now}}, New}
    end;
tick({live, Turn}, #{turn := Turn, live := Keys, busy := Busy} = Data, State) ->
    #{until := Until, live_ms := Ms, handle := Handle, peer := Peer} = Data,
    case erlang:monotonic_time(millisecond) < Until of
        true ->
            _ = later(Ms, Handle, {live, Turn}),
            case pressure(Peer) of
                none ->
                    {Values, Lacking} = read_all(Keys -- [scheduler_utilization, user]),
                    {Used, Now} = utilization(Values, maps:get(live, Busy, none)),
                    {User, _, New} = case lists:member(user, Keys) of
                                         true -> user(State);
                                         false -> {#{}, none, State}
                                     end,
                    Sample = sample_of(maps:merge(maps:merge(Values, Used), User), Lacking, none),
                    {Sample#{interval_ms => Ms}, Data#{busy := Busy#{live => Now}}, New};
                Why ->
                    Sample = sample_of(#{}, #{all => backed_off}, Why),
                    {Sample#{interval_ms => Ms}, Data, State}
            end;
        false ->
            {none, Data#{live := []}, State}
    end;
tick(_, Data, State) ->
    {none, Data, State}.

settings(Handle, #{live := Keys} = Map, #{turn := Turn} = Data, State) when is_list(Keys) ->
    All = [scheduler_utilization, user | cheap() ++ dear(none) ++ slow()],
    Known = [K || K <- Keys, lists:member(K, All)],
    Wanted = case lists:member(scheduler_utilization, Known) of
                 true -> lists:usort([scheduler_wall_time | Known]);
                 false -> Known
             end,
    Ms = max(?LEAST_INTERVAL_MS, maps:get(live_interval_ms, Map, 1000)),
    Until = erlang:monotonic_time(millisecond) + maps:get(live_ms, Map, 60000),
    _ = Wanted =/= [] andalso (self() ! {due, Handle, {live, Turn + 1}}),
    {Data#{live := Wanted, live_ms := Ms, until := Until, turn := Turn + 1}, State};
settings(_, _, Data, State) ->
    {Data, State}.

message(_, State) -> {none, State}.

%% In the guard.
give_back(Held) ->
    _ = [turn_msacc_off(5) || microstate_accounting <- Held],
    _ = [ask(telemetry, detach, [Id]) || {telemetry, Id} <- Held],
    ok.

sample_of(Values, Lacking, BackedOff) ->
    #{at => erlang:system_time(millisecond), values => Values, lacking => Lacking,
      agent => #{backed_off => BackedOff}}.

%%% Reading

more(run_queue, _, State) -> {#{}, #{dear => backed_off}, State};
more(none, Values, State) ->
    {Slow, Lacking, State1} = slow_values(State),
    {User, UserLacking, State2} = user(State1),
    {maps:merge(Slow, User), maps:merge(Lacking, UserLacking), keep_msacc(Values, State2)}.

%% What has just been read, or else what was read last.
slow_values(#{slow := {At, Values, Lacking}} = State) ->
    case erlang:monotonic_time(millisecond) - At < ?SLOW_MS of
        true -> {Values, Lacking, State};
        false -> slow_values(State#{slow := none})
    end;
slow_values(State) ->
    {Values, Lacking} = read_all(slow()),
    {Values, Lacking, State#{slow := {erlang:monotonic_time(millisecond), Values, Lacking}}}.

read_all(Keys) ->
    lists:foldl(fun(Key, {Values, Lacking}) ->
                        {Value, Why} = try_read(Key),
                        {maps:merge(Values, Value), maps:merge(Lacking, Why)}
                end, {#{}, #{}}, Keys).

try_read(Key) ->
    try read(Key) of
        {partly, Value, Why} -> {#{Key => Value}, #{Key => Why}};
        Value -> {#{Key => Value}, #{}}
    catch
        throw:Why -> {#{}, #{Key => Why}};
        error:Why when Why =:= badarg; Why =:= undef -> {#{}, #{Key => not_in_this_otp}};
        _:_ -> {#{}, #{Key => failed}}
    end.

read(memory) ->
    #{total := _, atom := Atom, atom_used := AtomUsed, processes := Processes, system := System,
      processes_used := Used, binary := Binary, code := Code, ets := Ets} = All =
        maps:from_list(try erlang:memory() catch error:notsup -> throw(not_supported) end),
    All#{atom_free => Atom - AtomUsed, processes_free => Processes - Used,
         other => System - Atom - Binary - Code - Ets};
read(gc) ->
    {Count, Words, _} = erlang:statistics(garbage_collection),
    #{count => Count, words => Words, bytes => Words * erlang:system_info(wordsize)};
read(io) ->
    {{input, In}, {output, Out}} = erlang:statistics(io),
    #{input => In, output => Out};
read(run_queues) ->
    %% One per scheduler, then the one of the dirty CPU and the one of the dirty I/O schedulers.
    {Normal, Dirty} = lists:split(erlang:system_info(schedulers),
                                  erlang:statistics(run_queue_lengths_all)),
    #{normal => numbered(Normal), dirty => maps:from_list(lists:zip([cpu, io], Dirty))};
read(nodes) ->
    maps:from_list([{Kind, length(nodes(Kind))} || Kind <- [visible, hidden, connected, known]]);
read(time) ->
    #{offset_us => erlang:time_offset(microsecond),
      os_ahead_us => os:system_time(microsecond) - erlang:system_time(microsecond)};
read(queues) ->
    Names = [application_controller, code_server, error_logger, file_server_2, global_name_server,
             init, kernel_sup, logger, net_kernel, rex, user, alarm_handler, mnesia_tm],
    maps:from_list([{Name, Length}
                    || Name <- Names, Pid <- [whereis(Name)], is_pid(Pid),
                       {_, Length} <- [process_info(Pid, message_queue_len)]]);
read(persistent_term) -> persistent_term:info();
read(registered) -> length(registered());
read(process_groups) ->
    case [ets:info(T, size) || T <- [pg, pg2_table], ets:whereis(T) =/= undefined] of
        [] -> throw(not_running);
        Sizes -> lists:sum(Sizes)
    end;
read(dets_count) -> case whereis(dets) of undefined -> 0; _ -> length(dets:all()) end;
read(scheduler_wall_time) ->
    case erlang:statistics(scheduler_wall_time) of
        undefined -> throw(not_enabled);
        Times -> maps:from_list([{I, #{active => A, total => T}} || {I, A, T} <- Times])
    end;
read(microstate_accounting) -> microstates();
read(check_io) ->
    Sets = erlang:system_info(check_io),
    maps:from_list([{Key, lists:sum([N || Set <- Sets, {K, N} <- Set, K =:= Key])}
                    || Key <- [total_poll_set_size, active_fds, pending_updates]]);
read(allocators) ->
    maps:from_list([{A, allocator(A)} || A <- erlang:system_info(alloc_util_allocators)]);
read(dist) ->
    %% Hidden ones are tools, which come under ever new names: each name would be kept.
    Peers = nodes(),
    Links = maps:with(lists:sublist(Peers, ?MOST_PEERS),
                      maps:from_list(erlang:system_info(dist_ctrl))),
    some(maps:map(fun link_to/2, Links), length(Peers) - ?MOST_PEERS);
read(ports) -> ports(erlang:system_info(port_count));
read(sockets) ->
    case erlang:function_exported(socket, info, 0) of
        true -> maps:with([num_sockets, num_ptcp, num_pudp, num_psctp, num_dlocal],
                          maps:get(counters, socket:info(), #{}));
        false -> throw(not_loaded)
    end;
read(timers) ->
    %% Of module timer, and not in tables with these names from OTP 25 on.
    case [ets:info(T, size) || T <- [timer_tab, timer_interval_tab], ets:whereis(T) =/= undefined] of
        [All, Interval] -> #{all => All, interval => Interval};
        _ -> throw(not_running)
    end;
read(os) -> host();
read(cpu) ->
    %% Ticks of 10 ms, per core and all together. What follows these lines is long: do not read on.
    All = maps:from_list([cpu_line(Line) || Line <- lines("/proc/stat", 32768),
                                            begins(Line, <<"cpu">>)]),
    #{all => maps:get(all, All), cores => maps:remove(all, All)};
read(os_process) ->
    Status = fields("/proc/self/status"),
    Wanted = [{<<"VmRSS">>, resident_kb}, {<<"VmSize">>, virtual_kb}, {<<"VmSwap">>, swapped_kb},
              {<<"Threads">>, threads}, {<<"VmHWM">>, resident_most_kb}],
    Own = maps:from_list([{Key, V} || {Field, Key} <- Wanted, #{Field := V} <- [Status]]),
    Own#{open_files => open_files(maps:get(<<"FDSize">>, Status, 0))};
read(mnesia) -> mnesia();
read(code) ->
    Loaded = erlang:loaded(),
    #{loaded => length(Loaded), old => length([M || M <- Loaded, erlang:check_old_code(M)])};
read(applications) ->
    Info = gen_server:call(application_controller, info, 1000),
    maps:from_list([{Key, length(List)} || {Key, List} <- Info,
                                           lists:member(Key, [loaded, started, running])]);
read(areas) ->
    maps:from_list([{element(1, Area), element(2, Area)}
                    || Area <- erlang:system_info(allocated_areas)]);
read(os_limits) ->
    [Files] = [number(Soft) || Line <- lines("/proc/self/limits", 4096),
                               begins(Line, <<"Max open files">>),
                               [_, _, _, Soft | _] <- [words(Line)]],
    #{open_files => Files};
read(disk) ->
    case whereis(disksup) of
        undefined -> throw(os_mon_not_running);
        _ -> maps:from_list([{unicode:characters_to_binary(Id), #{kb => Kb, percent => Percent}}
                             || {Id, Kb, Percent} <- gen_server:call(disksup, get_disk_data, 500)])
    end;
read(Key) ->
    case {lists:member(Key, ?SYSTEM), lists:member(Key, ?TOTALS)} of
        {true, _} -> plain(erlang:system_info(Key));
        {_, true} -> element(1, erlang:statistics(Key));
        _ -> erlang:statistics(Key)
    end.

plain(true) -> 1;
plain(false) -> 0;
plain(Number) when is_number(Number) -> Number;
plain(_) -> throw(unknown_to_the_vm).

numbered(List) -> maps:from_list(lists:zip(lists:seq(1, length(List)), List)).

some(Value, Rest) when Rest =< 0 -> Value;
some(Value, Rest) -> {partly, Value, {not_read, Rest}}.

%% Sums over instances: sizes in use and held, of carriers with many and with a single block.
allocator(Name) ->
    case erlang:system_info({allocator_sizes, Name}) of
        Instances when is_list(Instances) ->
            lists:foldl(fun({instance, _, Kinds}, Sums) -> lists:foldl(fun carriers/2, Sums, Kinds) end,
                        #{}, Instances);
        _ -> #{}
    end.

carriers({Kind, Sizes}, Sums) when Kind =:= mbcs; Kind =:= mbcs_pool; Kind =:= sbcs ->
    #{blocks_size := Blocks, carriers_size := Carriers} =
        maps:get(Kind, Sums, #{blocks_size => 0, carriers_size => 0}),
    Held = [element(2, S) || S <- Sizes, element(1, S) =:= carriers_size],
    Used = [element(2, S) || {blocks, Types} <- Sizes, {_, L} <- Types, S <- L,
                             element(1, S) =:= size]
        ++ [element(2, S) || S <- Sizes, element(1, S) =:= blocks_size],
    Sums#{Kind => #{blocks_size => Blocks + lists:sum(Used),
                    carriers_size => Carriers + lists:sum(Held)}};
carriers(_, Sums) -> Sums.

%% state as prometheus.erl counts it: 1 pending, 2 up_pending, 3 up.
link_to(Peer, Control) ->
    Row = try hd(ets:lookup(sys_dist, Peer)) catch _:_ -> none end,
    State = case is_tuple(Row) andalso lists:keyfind(element(4, Row), 1, [{up, 3}, {up_pending, 2},
                                                                          {pending, 1}]) of
                {_, N} -> #{state => N};
                false -> #{}
            end,
    Queue = case dist_queue(Peer) of unknown -> #{}; Bytes -> #{queue_size => Bytes} end,
    maps:merge(maps:merge(State, Queue), control(Control)).

control(Port) when is_port(Port) ->
    Items = [input, output, memory, queue_size],
    Own = [{port_key(I), N} || I <- Items, {_, N} <- [erlang:port_info(Port, I)]],
    case inet:getstat(Port) of
        {ok, Socket} -> maps:from_list(Own ++ Socket);
        _ -> maps:from_list(Own)
    end;
control(Pid) ->
    case process_info(Pid, message_queue_len) of
        {_, N} -> #{process_queue => N};
        undefined -> #{}
    end.

port_key(queue_size) -> port_queue_size;
port_key(memory) -> port_memory;
port_key(Item) -> Item.

%% erlang:ports/0 makes a list of all of them at once.
ports(Count) when Count > 20 * ?MOST_PORTS -> throw({not_read, Count});
ports(Count) ->
    Some = lists:sublist(erlang:ports(), ?MOST_PORTS),
    None = maps:from_list([{Item, 0} || Item <- ?SOCKET]),
    #{tcp := Tcp, udp := Udp} = Sums =
        lists:foldl(fun port/2, #{count => #{tcp_inet => 0, udp_inet => 0, sctp_inet => 0},
                                  input => 0, output => 0, tcp => None, udp => None}, Some),
    some(Sums#{tcp := with_averages(Tcp), udp := with_averages(Udp)}, Count - ?MOST_PORTS).

with_averages(#{recv_oct := In, recv_cnt := Ins, send_oct := Out, send_cnt := Outs} = Sums) ->
    Sums#{recv_avg => In div max(1, Ins), send_avg => Out div max(1, Outs)}.

port(Port, #{count := Names, input := In, output := Out} = Sums) ->
    case erlang:port_info(Port) of
        undefined -> Sums;
        Info ->
            {_, Name} = lists:keyfind(name, 1, Info),
            {_, I} = lists:keyfind(input, 1, Info),
            {_, O} = lists:keyfind(output, 1, Info),
            Kind = kind_of_port(Name),
            Now = Sums#{count := Names#{Kind => maps:get(Kind, Names, 0) + 1},
                        input := In + I, output := Out + O},
            socket_port(Kind, Port, Now)
    end.

%% A program's port is named by its command line, a file descriptor's by its numbers.
kind_of_port("tcp_inet") -> tcp_inet;
kind_of_port("udp_inet") -> udp_inet;
kind_of_port("sctp_inet") -> sctp_inet;
kind_of_port("forker") -> forker;
kind_of_port("efile") -> efile;
kind_of_port([C, $/ | _]) when C >= $0, C =< $9 -> fd;
kind_of_port(_) -> other.

socket_port(Kind, Port, Sums) when Kind =:= tcp_inet; Kind =:= udp_inet ->
    Key = case Kind of tcp_inet -> tcp; udp_inet -> udp end,
    case inet:getstat(Port, ?SOCKET) of
        {ok, Stats} -> Sums#{Key := lists:foldl(fun add_stat/2, maps:get(Key, Sums), Stats)};
        _ -> Sums
    end;
socket_port(_, _, Sums) -> Sums.

add_stat({Item, N}, Sums) when Item =:= recv_max; Item =:= send_max ->
    Sums#{Item := max(N, maps:get(Item, Sums))};
add_stat({Item, N}, Sums) ->
    Sums#{Item := N + maps:get(Item, Sums)}.

%% Share of the time in which the normal schedulers worked, since the last look.
utilization(#{scheduler_wall_time := Times}, Before) ->
    Normal = erlang:system_info(schedulers),
    {Active, Total} = Now =
        maps:fold(fun(I, #{active := A, total := T}, {As, Ts}) when I =< Normal -> {As + A, Ts + T};
                     (_, _, Sums) -> Sums
                  end, {0, 0}, Times),
    case Before of
        {A, T} when Total > T -> {#{scheduler_utilization => (Active - A) / (Total - T)}, Now};
        _ -> {#{}, Now}
    end;
utilization(_, _) -> {#{}, none}.

%%% Microstate accounting: microseconds per type of thread and state

microstates() ->
    lists:foldl(fun(#{type := Type, counters := Counters}, Sums) ->
                        Own = maps:get(Type, Sums, #{}),
                        Sums#{Type => maps:fold(fun(State, N, Acc) ->
                                                        Acc#{State => N + maps:get(State, Acc, 0)}
                                                end, Own, Counters)}
                end, #{}, microseconds(erlang:statistics(microstate_accounting))).

microseconds(undefined) -> throw(not_enabled);
microseconds(Threads) ->
    [Thread#{counters := maps:map(fun(_, N) ->
                                          erlang:convert_time_unit(N, perf_counter, microsecond)
                                  end, Counters)}
     || #{counters := Counters} = Thread <- Threads].

%% Nobody can ask whether it is on. But if it is, the counters of the thread that we run on move; so
%% we know before we touch it, and the guard knows before it can be lost.
take_msacc() ->
    case is_msacc_on() of
        true -> on;
        false -> turn_msacc_on()
    end.

is_msacc_on() ->
    First = erlang:statistics(microstate_accounting),
    lists:sort(erlang:statistics(microstate_accounting)) =/= lists:sort(First).

turn_msacc_on() ->
    also_hold(microstate_accounting),
    _ = erlang:system_flag(microstate_accounting, true),
    on.

%% Agents that come and go at once may leave it on for some of the threads only; a thread for which it
%% is off then takes `false` for done (erl_msacc.c). So it is made the same for all first.
turn_msacc_off(Tries) ->
    _ = erlang:system_flag(microstate_accounting, false),
    case Tries > 0 andalso is_msacc_on() of
        true ->
            _ = erlang:system_flag(microstate_accounting, true),
            turn_msacc_off(Tries - 1);
        false -> ok
    end.

%% Somebody turned it off, perhaps another daemon's agent when it left.
keep_msacc(#{microstate_accounting := Same}, #{msacc := Same} = State) ->
    _ = turn_msacc_on(),
    State;
keep_msacc(#{microstate_accounting := Now}, State) -> State#{msacc := Now};
keep_msacc(_, State) -> State.

also_hold(What) ->
    case get(held) of
        nothing -> hold([What]);
        Held -> hold(lists:usort([What | Held]))
    end.
