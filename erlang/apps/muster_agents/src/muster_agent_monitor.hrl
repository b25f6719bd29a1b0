%% What the node's scheduler and garbage collector complain about, by system_monitor; from OTP 28 on by a
%% trace session of our own.
%%
%% attach_monitor/1 takes system_monitor if it is free, or sets other limits; monitored/4 is called for each
%% event. The agent's state has the keys that these match, and the agent defines number/1, drop/2 and
%% hand_on/4.
-define(MOST_EVENTS, 500).         % of one kind in a second; then a pause
-define(PAUSE_MS, 10000).
-define(MOST_ENTRIES_OF_KIND, 10). % per second
-define(MOST_HELPERS, 20).

%% The limits until a daemon sets others.
-define(SYSTEM_MONITOR, #{long_gc => 200, long_schedule => 200, large_heap => 16 * 1024 * 1024,
                          busy_port => true, busy_dist_port => true,
                          long_message_queue => {1000, 10000}}).

limit(large_heap, V) -> is_integer(V) andalso V >= 1024;
limit(Key, V) when Key =:= long_gc; Key =:= long_schedule -> is_integer(V) andalso V >= 10;
limit(Key, V) when Key =:= busy_port; Key =:= busy_dist_port -> is_boolean(V);
limit(long_message_queue, {Low, High}) -> is_integer(Low) andalso is_integer(High)
                                              andalso 0 =< Low andalso Low < High;
limit(_, _) -> false.

attach_monitor(#{limits := Limits, paused := Paused, lacking := Lacking, monitor := Held} = State) ->
    Options = options(maps:without(Paused, Limits)),
    Agent = self(),
    case {Held, has_sessions() orelse erlang:system_monitor()} of
        {{Options, _}, true} ->
            State;
        {{Options, _}, {Agent, _}} ->
            State;
        {_, true} ->
            Session = case Held of
                          {_, S} -> S;
                          none -> foreign(trace, session_create, [muster, self(), []])
                      end,
            _ = [foreign(trace, system, [Session, Kind, value(Kind, maps:without(Paused, Limits))])
                 || Kind <- maps:keys(Limits)],
            State#{monitor := {Options, Session}, lacking := maps:remove(system_monitor, Lacking)};
        {_, {Owner, _}} when Owner =/= Agent ->
            Why = to_text(io_lib:format("system_monitor belongs to ~w", [name_of(Owner)])),
            State#{monitor := none, lacking := Lacking#{system_monitor => Why}};
        {_, _} ->
            _ = erlang:system_monitor(Agent, Options),
            State#{monitor := {Options, none}, lacking := maps:remove(system_monitor, Lacking)}
    end.

%% trace:system/3, from OTP 28 on: nobody else's then.
has_sessions() ->
    erlang:system_info(otp_release) >= "28" andalso
        code:ensure_loaded(trace) =:= {module, trace} andalso
        erlang:function_exported(trace, system, 3).

options(Limits) ->
    Known = case erlang:system_info(otp_release) of
                Release when Release >= "27" -> Limits;
                _ -> maps:remove(long_message_queue, Limits)
            end,
    lists:append([case V of true -> [K]; false -> []; _ -> [{K, V}] end
                  || {K, V} <- lists:sort(maps:to_list(Known))]).

value(Kind, Limits) ->
    case Limits of #{Kind := true} -> true; #{Kind := V} -> V; #{} -> false end.

name_of(Pid) ->
    case node(Pid) =:= node() andalso is_pid(Pid) andalso process_info(Pid, registered_name) of
        {registered_name, Name} -> Name;
        _ -> Pid
    end.

monitored(Who, Kind, Info, #{counts := Counts, recent := {Second, Seen}, levels := Levels,
                             helpers := Helpers, gate := Gate} = State) ->
    Now = erlang:monotonic_time(second),
    Of = case Second of Now -> Seen; _ -> #{} end,
    N = maps:get(Kind, Of, 0) + 1,
    New = State#{counts := Counts#{Kind => maps:get(Kind, Counts, 0) + 1},
                 recent := {Now, Of#{Kind => N}}},
    IsWanted = maps:get(system_monitor, Levels) >= number(warning),
    if
        N > ?MOST_EVENTS -> pause_kind(Kind, New);
        not IsWanted -> New;
        N > ?MOST_ENTRIES_OF_KIND; map_size(Helpers) >= ?MOST_HELPERS ->
            _ = drop(Gate, system_monitor),
            New;
        true ->
            Agent = self(),
            At = microseconds(),
            %% Somebody else asks, since a process in a native call answers after it only.
            Helper = spawn_link(fun() ->
                                        hand_on(Agent, Gate, system_monitor,
                                                fun() -> monitor_entry(At, Who, Kind, Info) end)
                                end),
            New#{helpers := Helpers#{Helper => true}}
    end.

pause_kind(Kind, #{paused := Paused} = State) ->
    case lists:member(Kind, Paused) of
        true -> State;
        false ->
            _ = erlang:send_after(?PAUSE_MS, self(), {resume, Kind}),
            attach_monitor(State#{paused := [Kind | Paused]})
    end.

monitor_entry(At, Who, Kind, Info) ->
    Evidence = evidence(Who),
    Facts = facts(Info),
    Name = case Evidence of #{registered_name := N} -> N; #{} -> process end,
    #{at => At, severity => warning, source => system_monitor, kind => Kind,
      text => to_text(io_lib:format("~w: ~w ~s ~s", [Kind, Name, pid_text(Who),
                                                     io_lib:format("~0P", [Facts, 20])])),
      report => maps:merge(Evidence, #{info => Facts}), pid => pid_text(Who),
      mfa => maps:get(current_function, Evidence, undefined), application => undefined}.

facts(Port) when is_port(Port) ->
    Peers = case catch erlang:system_info(dist_ctrl) of L when is_list(L) -> L; _ -> [] end,
    maps:from_list([{port, pid_text(Port)}]
                   ++ [{peer, Node} || {Node, P} <- Peers, P =:= Port]
                   ++ [{name, bound(N)} || {name, N} <- [erlang:port_info(Port, name)]]);
facts(Info) when is_list(Info) ->
    bound(maps:from_list([KV || {_, _} = KV <- Info]));
facts(Info) -> bound(Info).
