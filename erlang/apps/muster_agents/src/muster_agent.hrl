%% What every agent shares: leases, sending, the account of itself, the guard, and leaving no trace.
%% Included by each agent (an agent is one module that stands alone) after -module and
%%
%%     -define(NAME, metrics).     the second element of what is sent: {muster_agent, metrics, Pid, Map}
%%
%% A daemon leases the agent with start/1. The lease ends with the daemon's process, its node, or
%% {muster_agent_release, Pid} from it. With the last lease the agent ends, and so it does when it is
%% killed; then the guard, which outlives it for a moment, gives back what the agent held of the host
%% and deletes and purges the code. Killing the guard makes the agent start another one. Nothing is
%% purged while any process still runs it. Modules that the host brought itself are not removed.
%%
%% An agent obeys one installation: a lease that says `alone => true` is refused, {error, {obeys, Node}},
%% while processes of another node have leases. `alone => take_over` ends theirs, and each of them is
%% told: {muster_agent_taken, Name, Agent, Node}, Node being the new one.
%%
%% What an agent gives (State is the agent's, Data is one lease's):
%%
%%   first() -> State          the first lease is about to be given: takes what the agent needs
%%   lease(Handle, Options, State) -> {Data, State}        Options: what start/1 was called with
%%   tick(What, Data, State) -> {Sample | none, Data, State}
%%                             `interval` each interval, otherwise what later/3 or `due` said
%%   settings(Handle, Map, Data, State) -> {Data, State}   {muster_agent_settings, Pid, Map} from Pid
%%   message(Message, State) -> {none | {due, What}, State}
%%                             everything else that arrives; `due` ticks every lease at once
%%   lost(Sample, Data) -> Data      only with -define(LOST, true): the link did not take this sample
%%   give_back(Held) -> any()  in the guard, when the agent is gone for whatever reason
%%
%% and what it may call: hold(Held) before it changes anything in the host, with all that has to be
%% given back then; later(Ms, Handle, What); pressure(Node). No agent may match binaries by pattern:
%% OTP 29 does not load OTP 25's instructions for that.
-ifndef(VSN).
-define(VSN, "unversioned").
-endif.
-ifndef(MOST_LEASES).
-define(MOST_LEASES, 16).
-endif.
-ifndef(LONG_MAILBOX).
-define(LONG_MAILBOX, 100).
-endif.
-ifndef(MOST_HEAP_WORDS).
-define(MOST_HEAP_WORDS, 1 bsl 17).
-endif.
-define(LEAST_INTERVAL_MS, 1000).
%% No agent needs all of this; and what dist_get_stat/1 answers depends on the kind of link.
-define(OPTIONAL, [{hold, 1}, {pressure, 1}, {dist_queue, 1}]).
-compile({nowarn_unused_function, ?OPTIONAL}).
-ignore_xref(?OPTIONAL).
-dialyzer([{no_match, [{loop, 2}, {pass, 4}, {dist_queue, 1}]}, {no_return, [{init, 0}]},
            {no_unused, [{all_due, 3} | ?OPTIONAL]}]).

-spec vsn() -> binary().
vsn() -> <<?VSN>>.

%% Gives the daemon process `pid` a lease and returns the agent's process, which the daemon should
%% monitor. {error, leaving}: the code is just being removed; load it again in a moment.
-spec start(#{pid := pid(), interval_ms => pos_integer(), atom() => term()}) ->
          {ok, pid()} | {error, leaving | full | not_connected | timeout | {obeys, node()}}.
start(#{pid := Pid} = Lease) when is_pid(Pid) ->
    case erlang:module_loaded(?AGENT) andalso whereis(?AGENT) of
        false ->
            {error, leaving};
        undefined ->
            New = spawn(fun init/0),
            try register(?AGENT, New) catch error:badarg -> exit(New, kill) end,
            start(Lease);
        Agent ->
            try gen:call(Agent, lease, Lease, 5000) of
                {ok, Reply} -> Reply
            catch
                exit:timeout -> {error, timeout};
                exit:_ -> start(Lease)
            end
    end.

%% Ends all leases: for an operator in a shell of the host. A daemon releases only its own.
-spec stop() -> ok.
stop() ->
    case whereis(?AGENT) of
        undefined -> ok;
        Agent -> Agent ! stop, ok
    end.

%%% The agent.
%%% Leases: #{Pid => #{handle => {Pid, Monitor}, timer, interval, dropped, sent_bytes, wall_us, data}}

-spec init() -> no_return().
init() ->
    %% The caller's group leader is the daemon's: a report about us must not be sent there.
    true = group_leader(whereis(init), self()),
    _ = process_flag(max_heap_size, #{size => ?MOST_HEAP_WORDS, kill => true,
                                      error_logger => false}),
    put(held, nothing),
    put(guard, guard(nothing)),
    %% Who lost the race for the name must not touch the host: so wait for the first lease.
    receive {lease, _, _} = First -> self() ! First, loop(#{}, first()) after 10000 -> ok end,
    exit(shutdown).   % ends its helpers, too: `normal` would not

loop(Leases, State) ->
    {_, GuardMonitor} = get(guard),
    receive
        {lease, From, #{pid := Pid} = Options} ->
            {Reply, Now, New} = lease_to(Pid, Options, forget(Pid, Leases), State),
            gen_server:reply(From, Reply),
            next({Now, New});
        {due, Handle, What} -> next(due(What, Handle, Leases, State));
        {muster_agent_settings, Pid, Map} when is_map_key(Pid, Leases), is_map(Map) ->
            next(settings_of(Pid, Map, Leases, State));
        {muster_agent_release, Pid} -> next({forget(Pid, Leases), State});
        {'DOWN', GuardMonitor, process, _, _} ->
            put(guard, guard(get(held))),
            next({Leases, State});
        {'DOWN', _, process, Pid, _} when is_map_key(Pid, Leases) ->
            next({maps:remove(Pid, Leases), State});
        stop -> ok;
        Message ->
            case message(Message, State) of
                {none, New} -> loop(Leases, New);   % the first lease may be behind it
                {{due, What}, New} -> next(all_due(What, Leases, New))
            end
    after 10000 ->
        next({Leases, State})
    end.

%% Here nothing else is held: a heap that a look or a sample has made grow is given back.
next({Leases, _}) when map_size(Leases) =:= 0 -> ok;
next({Leases, State}) -> erlang:garbage_collect(), loop(Leases, State).

lease_to(Pid, Options, Leases, State) ->
    Others = [Other || Other <- maps:keys(Leases), node(Other) =/= node(Pid)],
    case {Options, Others} of
        {#{alone := true}, [Other | _]} -> {{error, {obeys, node(Other)}}, Leases, State};
        {#{alone := take_over}, _} -> give_lease(Pid, Options, take(Others, Pid, Leases), State);
        _ -> give_lease(Pid, Options, Leases, State)
    end.

take(Others, Pid, Leases) ->
    lists:foldl(fun(Other, Left) ->
                        Taken = {muster_agent_taken, ?NAME, self(), node(Pid)},
                        _ = erlang:send(Other, Taken, [nosuspend, noconnect]),
                        forget(Other, Left)
                end, Leases, Others).

give_lease(_, _, Leases, State) when map_size(Leases) >= ?MOST_LEASES ->
    {{error, full}, Leases, State};
give_lease(Pid, Options, Leases, State) ->
    %% A monitor makes a connection where there is none: so ask first.
    case lists:member(node(Pid), [node() | nodes(connected)]) of
        true ->
            Handle = {Pid, erlang:monitor(process, Pid)},
            {Data, New} = lease(Handle, Options, State),
            Lease = #{handle => Handle, timer => later(0, Handle, interval),
                      interval => interval(Options, 10000), data => Data,
                      dropped => 0, sent_bytes => 0, wall_us => 0},
            {{ok, self()}, Leases#{Pid => Lease}, New};
        false ->
            {{error, not_connected}, Leases, State}
    end.

interval(Map, Default) ->
    case Map of
        #{interval_ms := Ms} when is_integer(Ms) -> max(Ms, ?LEAST_INTERVAL_MS);
        #{} -> Default
    end.

forget(Pid, Leases) ->
    case Leases of
        #{Pid := #{handle := {_, Monitor}}} ->
            erlang:demonitor(Monitor, [flush]),
            maps:remove(Pid, Leases);
        #{} -> Leases
    end.

settings_of(Pid, Map, Leases, State) ->
    #{Pid := #{handle := Handle, interval := Old, timer := Timer, data := Data} = Lease} = Leases,
    {NewData, New} = settings(Handle, Map, Data, State),
    Interval = interval(Map, Old),
    %% Another interval counts from now on and not from the next sample, unless that is due.
    Next = case Interval =/= Old andalso erlang:cancel_timer(Timer) of
               false -> Timer;
               _ -> later(Interval, Handle, interval)
           end,
    {Leases#{Pid := Lease#{interval := Interval, timer := Next, data := NewData}}, New}.

%% Ticks the lease with What in a while, if there is still such a lease then.
later(Ms, Handle, What) ->
    erlang:send_after(Ms, self(), {due, Handle, What}).

all_due(What, Leases, State) ->
    lists:foldl(fun(#{handle := Handle}, {Now, New}) -> due(What, Handle, Now, New) end,
                {Leases, State}, maps:values(Leases)).

due(What, {Pid, _} = Handle, Leases, State) ->
    case Leases of
        #{Pid := #{handle := Handle, interval := Interval} = Lease} ->
            Timed = case What of
                        interval -> Lease#{timer := later(Interval, Handle, interval)};
                        _ -> Lease
                    end,
            {Now, New} = pass(What, Pid, Timed, State),
            {Leases#{Pid := Now}, New};
        #{} ->
            {Leases, State}
    end.

%% A full link or a long mailbox costs samples, never the host's time.
pass(What, Pid, #{dropped := Dropped, sent_bytes := Sent, wall_us := Before, data := Data,
                  interval := Interval} = Lease, State) ->
    Own = maps:from_list(process_info(self(), [reductions, memory, message_queue_len])),
    Began = erlang:monotonic_time(microsecond),
    case Own of
        #{message_queue_len := Length} when What =:= interval, Length > ?LONG_MAILBOX ->
            {Lease#{dropped := Dropped + 1}, State};
        #{} ->
            Ticked = tick(What, Data, State),
            Wall = erlang:monotonic_time(microsecond) - Began,
            case Ticked of
                {none, NewData, New} ->
                    {Lease#{data := NewData, wall_us := Before + Wall}, New};
                {Sample, NewData, New} ->
                    Account = Own#{dropped => Dropped, sent_bytes => Sent, wall_us => Wall,
                                   wall_total_us => Before + Wall},
                    Agent = backing_off(maps:merge(Account, maps:get(agent, Sample, #{}))),
                    Body = maps:merge(#{interval_ms => Interval}, Sample#{agent => Agent}),
                    Message = {muster_agent, ?NAME, self(), Body},
                    Now = Lease#{data := NewData, wall_us := Before + Wall},
                    case erlang:send(Pid, Message, [nosuspend, noconnect]) of
                        ok -> {Now#{sent_bytes := Sent + erlang:external_size(Message)}, New};
                        _ -> {Now#{dropped := Dropped + 1, data := lost(Sample, NewData)}, New}
                    end
            end
    end.

%% The same as a number, which rules can look at.
backing_off(#{backed_off := Why} = Agent) when Why =/= none -> Agent#{backing_off => 1};
backing_off(Agent) -> Agent#{backing_off => 0}.

-ifndef(LOST).
lost(_, Data) -> Data.
-endif.

%% Is the node itself, or its link to this peer, too busy to be asked much? That is more than 4 waiting
%% per scheduler, or half of what suspends senders.
pressure(Peer) ->
    Queue = erlang:statistics(total_run_queue_lengths),
    case Queue > 4 * erlang:system_info(schedulers_online) of
        true -> run_queue;
        false ->
            case dist_queue(Peer) of
                Bytes when is_integer(Bytes) ->
                    case 2 * Bytes > erlang:system_info(dist_buf_busy_limit) of
                        true -> dist_queue;
                        false -> none
                    end;
                unknown -> none
            end
    end.

%% Bytes in the queue of the link, which is in front of its port; -1: some, where the link is no port.
dist_queue(Peer) ->
    try erlang:dist_get_stat(ets:lookup_element(sys_dist, Peer, 3)) of
        {ok, _, _, Bytes} when is_integer(Bytes) -> Bytes;
        {ok, _, _, false} -> 0;
        {ok, _, _, true} -> -1;
        _ -> unknown
    catch
        _:_ -> unknown
    end.

%%% The guard

hold(Held) ->
    {Guard, _} = get(guard),
    put(held, Held),
    Guard ! {hold, Held},
    ok.

guard(Held) ->
    Agent = self(),
    spawn_monitor(fun() -> guard(Held, erlang:monitor(process, Agent)) end).

guard(Held, Monitor) ->
    receive
        {hold, Now} -> guard(Now, Monitor);
        {'DOWN', Monitor, process, _, _} ->
            %% Who holds the name decides: another agent that runs this code, or nobody, then we
            %% remove it.
            IsLast = try register(?AGENT, self()) catch error:badarg -> false end,
            _ = Held =:= nothing orelse try give_back(Held) catch _:_ -> failed end,
            remove(IsLast)
    end.

-ifndef(INJECTED).
remove(_) -> ok.
-else.
remove(false) -> ok;
remove(true) ->
    code:delete(?AGENT),
    refuse(),
    unregister(?AGENT),
    refuse(),
    %% By lists and code, because nothing can purge what it runs itself, and a little later, because
    %% callers of start/1 and of handlers may be on their way out. The second delete is for code that
    %% was loaded twice.
    Purge = {code, soft_purge, [?AGENT]},
    {Modules, Functions, Arguments} =
        lists:unzip3([Purge, {code, delete, [?AGENT]}
                      | lists:append(lists:duplicate(10, [Purge, {timer, sleep, [20]}]))]),
    erlang:send_after(20, self(), purge),
    erlang:hibernate(lists, zipwith3, [fun erlang:apply/3, Modules, Functions, Arguments]).

refuse() ->
    receive {lease, From, _} -> gen_server:reply(From, {error, leaving}), refuse() after 0 -> ok end.
-endif.
