%% Agent "vitals": tells the daemon every N seconds how the node it sits in is doing.
%%
%% Cost for the host: two processes (6 kB between samples), one registered name (the module's), one
%% timer and one monitor per daemon; per daemon and interval about 50 microseconds and one message of
%% 400 bytes. Worst case: 16 daemons, one sample a second each. A full link or a long mailbox costs
%% samples, never the host's time: sending neither waits nor connects, and the heap is capped at 1 MB.
%% It sets no flags, tables, handlers or traces, and calls kernel and stdlib of OTP 22 to 29 only.
%%
%% A daemon leases the agent with start/1. The lease ends with the daemon's process, its node, or
%% {muster_agent_release, Pid} from it. With the last lease the agent ends, and so it does when it is
%% killed; then the guard, which outlives it for a moment, deletes and purges the code. Killing the
%% guard makes the agent start another one. Nothing is purged while any process still runs it.
-ifndef(AGENT).
-define(AGENT, muster_agent_vitals).
-define(VSN, "unversioned").
-endif.
-module(?AGENT).

-export([vsn/0, start/1, stop/0, sample/1]).

-define(MOST_LEASES, 16).
-define(LONG_MAILBOX, 100).
-define(LEAST_INTERVAL_MS, 1000).

-spec vsn() -> binary().
vsn() -> <<?VSN>>.

%% Gives the daemon process `pid` a lease and returns the agent's process, which the daemon should
%% monitor. From then on `pid` gets {muster_agent, vitals, AgentPid, Sample} once per interval.
%% {error, leaving}: the code is just being removed; load it again in a moment.
-spec start(#{pid := pid(), interval_ms => pos_integer()}) ->
          {ok, pid()} | {error, leaving | full | not_connected | timeout}.
start(#{pid := Pid} = Lease) when is_pid(Pid) ->
    case erlang:module_loaded(?AGENT) andalso whereis(?AGENT) of
        false ->
            {error, leaving};
        undefined ->
            New = spawn(fun init/0),
            try register(?AGENT, New) catch error:badarg -> exit(New, kill) end,
            start(Lease);
        Agent ->
            Ref = erlang:monitor(process, Agent),
            Agent ! {lease, self(), Ref, Lease},
            receive
                {Ref, Reply} -> erlang:demonitor(Ref, [flush]), Reply;
                {'DOWN', Ref, process, _, _} -> start(Lease)
            after 5000 -> erlang:demonitor(Ref, [flush]), {error, timeout}
            end
    end.

%% Ends all leases: for an operator in a shell of the host. A daemon releases only its own.
-spec stop() -> ok.
stop() ->
    _ = [Agent ! stop || Agent <- [whereis(?AGENT)], is_pid(Agent)],
    ok.

%% What is sent, without what the agent says of itself. Memory in bytes.
-spec sample(map()) -> map().
sample(_Options) ->
    {Uptime, _} = erlang:statistics(wall_clock),
    Memory = try erlang:memory() catch error:notsup -> [] end,
    #{uptime_ms => Uptime,
      memory => maps:from_list(Memory),
      process_count => erlang:system_info(process_count),
      process_limit => erlang:system_info(process_limit),
      run_queue => erlang:statistics(total_run_queue_lengths_all),
      schedulers_online => erlang:system_info(schedulers_online)}.

%%% The agent. Leases: #{Pid => {Monitor, Interval, SamplesDropped}}

init() ->
    %% The caller's group leader is the daemon's: a report about us must not be sent there.
    true = group_leader(whereis(init), self()),
    _ = process_flag(max_heap_size, #{size => 1 bsl 17, kill => true, error_logger => false}),
    loop(#{}, guard()).

loop(Leases, Guard) ->
    receive
        {lease, From, Ref, #{pid := Pid} = Lease} ->
            {Reply, Now} = lease(Pid, maps:get(interval_ms, Lease, 10000), forget(Pid, Leases)),
            From ! {Ref, Reply},
            next(Now, Guard);
        {due, Pid, Monitor} -> next(due(Pid, Monitor, Leases), Guard);
        {muster_agent_release, Pid} -> next(forget(Pid, Leases), Guard);
        {'DOWN', Guard, process, _, _} -> next(Leases, guard());
        {'DOWN', _, process, Pid, _} -> next(maps:remove(Pid, Leases), Guard);
        stop -> ok;
        _ -> loop(Leases, Guard)
    after 10000 ->
        next(Leases, Guard)
    end.

next(Leases, _) when map_size(Leases) =:= 0 -> ok;
next(Leases, Guard) -> loop(Leases, Guard).

lease(_, _, Leases) when map_size(Leases) >= ?MOST_LEASES ->
    {{error, full}, Leases};
lease(Pid, Interval, Leases) ->
    %% A monitor makes a connection where there is none: so ask first.
    case lists:member(node(Pid), [node() | nodes(connected)]) of
        true ->
            Monitor = erlang:monitor(process, Pid),
            self() ! {due, Pid, Monitor},
            {{ok, self()}, Leases#{Pid => {Monitor, max(Interval, ?LEAST_INTERVAL_MS), 0}}};
        false ->
            {{error, not_connected}, Leases}
    end.

forget(Pid, Leases) ->
    _ = [erlang:demonitor(Monitor, [flush]) || #{Pid := {Monitor, _, _}} <- [Leases]],
    maps:remove(Pid, Leases).

due(Pid, Monitor, Leases) ->
    case Leases of
        #{Pid := {Monitor, Interval, Dropped}} ->
            erlang:send_after(Interval, self(), {due, Pid, Monitor}),
            Own = maps:from_list(process_info(self(), [reductions, memory, message_queue_len])),
            Now = Leases#{Pid := {Monitor, Interval, push(Pid, Own#{dropped => Dropped})}},
            erlang:garbage_collect(),
            Now;
        #{} ->
            Leases
    end.

push(_, #{message_queue_len := Length, dropped := Dropped}) when Length > ?LONG_MAILBOX ->
    Dropped + 1;
push(Pid, #{dropped := Dropped} = Own) ->
    Sample = (sample(#{}))#{agent => Own},
    case erlang:send(Pid, {muster_agent, vitals, self(), Sample}, [nosuspend, noconnect]) of
        ok -> Dropped;
        _ -> Dropped + 1
    end.

%%% The guard

guard() ->
    Agent = self(),
    {_, Monitor} = spawn_monitor(fun() -> guard(Agent, erlang:monitor(process, Agent)) end),
    Monitor.

guard(Agent, Monitor) ->
    receive {'DOWN', Monitor, process, Agent, _} -> ok end,
    %% Who holds the name decides: another agent that runs this code, or nobody, then we remove it.
    try register(?AGENT, self()) of
        true ->
            code:delete(?AGENT),
            refuse(),
            unregister(?AGENT),
            refuse(),
            %% By lists and code, because nothing can purge what it runs itself, and a little later,
            %% because callers of start/1 may be on their way out. The second delete is for code that
            %% was loaded twice.
            Steps = [soft_purge, delete | lists:duplicate(20, soft_purge)],
            erlang:send_after(20, self(), purge),
            erlang:hibernate(lists, zipwith3, [fun erlang:apply/3, [code || _ <- Steps], Steps,
                                               [[?AGENT] || _ <- Steps]])
    catch error:badarg ->
        ok
    end.

refuse() ->
    receive {lease, From, Ref, _} -> From ! {Ref, {error, leaving}}, refuse() after 0 -> ok end.
