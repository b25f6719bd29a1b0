%% Agent "notifications": hands on what the node logs, and what its scheduler and collector complain
%% about.
%%
%% Cost for the host: two processes, one logger handler, one backend of lager if that runs, and
%% system_monitor if it is free (a trace session of our own from OTP 28 on). A log event that passes
%% costs the process that logs about 50 microseconds; one that does not pass (level, 100 entries a
%% second or a tenth of that while run queues or the link are long, 256 KiB on their way) costs it
%% one microsecond and is counted before anything is formatted.
%% Texts are cut at 8 KiB, structure at 400 parts. It never changes a level of the host, takes no
%% event of a remote group leader, and what it took is given back when it ends or is killed.
%%
%% Sent at once (100 ms) and each interval:
%%     #{entries => [Entry], dropped => #{Source => N},       since the message before
%%       counts => #{long_gc => N, ...}, lacking => #{Source => Why}, primary_level => Level}
%% Settings: levels => #{Source => Level}, rate => entries a second,
%%     system_monitor => #{long_gc => Ms, long_schedule => Ms, large_heap => Words,
%%                         busy_port => boolean, busy_dist_port => boolean,
%%                         long_message_queue => {Low, High}}.
-ifndef(AGENT).
-define(AGENT, muster_agent_notifications).
-endif.
-module(?AGENT).

-export([vsn/0, start/1, stop/0]).
%% The handler of logger, and of lager_event.
-export([log/2]).
-export([init/1, handle_event/2, handle_call/2, handle_info/2]).

-define(NAME, notifications).
-define(LOST, true).
-define(MOST_HEAP_WORDS, 1 bsl 18).   % eight times what may be on its way
-include("muster_agent.hrl").
-include("muster_agent_bound.hrl").
-include("muster_agent_monitor.hrl").

%% Fixed names: logger keeps an empty persistent term for each that ever was.
-define(HANDLERS, [muster_notifications, muster_notifications_2, muster_notifications_3]).
-define(BATCH_MS, 100).
-define(MANY_WORDS, 1 bsl 13).  % are sent at once
-define(MOST_WORDS, 1 bsl 15).  % of entries made and not yet sent, and of their texts
-define(MOST_RATE, 1000).
-define(CHECK_MS, 10000).

%% Places in the gate, an atomics array. A source's place counts what was dropped.
-define(SECOND, 1).
-define(USED, 2).
-define(WORDS, 3).
-define(RATE, 4).
-define(SOURCES, #{logger => 5, sasl => 6, error_logger => 7, lager => 8, system_monitor => 9}).

%%% The agent

first() ->
    _ = process_flag(trap_exit, true),
    _ = process_flag(message_queue_data, off_heap),
    Gate = atomics:new(9, [{signed, true}]),
    atomics:put(Gate, ?RATE, 100),
    hold(self()),
    #{gate => Gate, wishes => #{}, levels => #{}, queue => [], words => 0, batch => [], lacking => #{},
      monitor => none, limits => ?SYSTEM_MONITOR, paused => [], counts => #{}, recent => {0, #{}},
      helpers => #{}, rate => 100, backed_off => none,
      crash_dump => crash_dump(), checked => erlang:monotonic_time(millisecond) - ?CHECK_MS}.

lease({Pid, _}, Options, State) ->
    Data = #{pid => Pid, is_new => true, dropped => dropped(maps:get(gate, State)), lost => #{}},
    {Data, wish(Pid, Options, #{}, State)}.

settings({Pid, _}, Map, Data, State) ->
    {Data, wish(Pid, Map, maps:get(Pid, maps:get(wishes, State), #{}), State)}.

%% What one daemon wants. An interval without a tick ends the wish.
wish(Pid, Map, Old, #{wishes := Wishes} = State) ->
    Levels = maps:from_list([{S, Level} || {S, Level} <- maps:to_list(get_map(levels, Map)),
                                           is_integer(number(Level))]),
    Rate = case Map of
               #{rate := R} when is_integer(R) -> max(1, min(R, ?MOST_RATE));
               #{} -> maps:get(rate, Old, 100)
           end,
    Limits = maps:filter(fun limit/2, get_map(system_monitor, Map)),
    Interval = interval(Map, maps:get(interval, Old, 10000)),
    Wish = #{levels => maps:merge(maps:get(levels, Old, #{}), Levels), rate => Rate,
             interval => Interval, until => until(Interval)},
    combine(State#{wishes := Wishes#{Pid => Wish},
                   limits := maps:merge(maps:get(limits, State), Limits)}).

until(Interval) -> erlang:monotonic_time(millisecond) + 2 * Interval + 60000.

get_map(Key, Map) -> case Map of #{Key := M} when is_map(M) -> M; #{} -> #{} end.

%% Of each source the most talkative level that any daemon wants.
combine(#{wishes := Wishes, gate := Gate} = State) ->
    Now = erlang:monotonic_time(millisecond),
    Alive = maps:filter(fun(_, #{until := Until}) -> Until > Now end, Wishes),
    Levels = maps:map(fun(Source, _) ->
                              lists:max([level(Source, W) || W <- [#{levels => #{}}
                                                                   | maps:values(Alive)]])
                      end, ?SOURCES),
    Rate = lists:max([1 | [R || #{rate := R} <- maps:values(Alive)]]),
    atomics:put(Gate, ?RATE, rate(Rate, State)),
    attach(State#{wishes := Alive, levels := Levels, rate := Rate}).

%% A tenth while the node or the link is busy.
rate(Rate, #{backed_off := none}) -> Rate;
rate(Rate, _) -> max(1, Rate div 10).

back_off(Why, #{backed_off := Why} = State) -> State;
back_off(Why, #{gate := Gate, rate := Rate} = State) ->
    New = State#{backed_off := Why},
    atomics:put(Gate, ?RATE, rate(Rate, New)),
    New.

level(Source, #{levels := Levels}) -> number(maps:get(Source, Levels, error)).

number(none) -> -1;
number(emergency) -> 0;
number(alert) -> 1;
number(critical) -> 2;
number(error) -> 3;
number(warning) -> 4;
number(notice) -> 5;
number(info) -> 6;
number(debug) -> 7;
number(all) -> 7;
number(_) -> unknown.

tick(interval, #{pid := Pid, is_new := IsNew} = Data, #{wishes := Wishes} = State) ->
    Kept = case Wishes of
               #{Pid := #{interval := Interval} = Wish} ->
                   Wishes#{Pid := Wish#{until := until(Interval)}};
               #{} -> Wishes
           end,
    New = back_off(pressure(node(Pid)), check(State#{wishes := Kept})),
    Dump = case State of #{crash_dump := #{} = Entry} when IsNew -> [Entry]; #{} -> [] end,
    Sample = #{counts => maps:get(counts, New), lacking => maps:get(lacking, New),
               primary_level => maps:get(level, logger:get_primary_config()),
               agent => #{backed_off => maps:get(backed_off, New)}},
    {Said, Now} = say(Dump, Data#{is_new := false}, New),
    {maps:merge(Sample, Said), Now, New};
tick(flush, #{pid := Pid} = Data, #{batch := Batch, wishes := Wishes} = State) ->
    Wish = maps:get(Pid, Wishes, #{levels => #{}}),
    case [E || #{source := S, severity := L} = E <- Batch, number(L) =< level(S, Wish)] of
        [] -> {none, Data, State};
        Entries ->
            {Said, Now} = say(Entries, Data, State),
            {Said, Now, back_off(pressure(node(Pid)), State)}
    end.

say(Entries, #{dropped := Before, lost := Lost} = Data, #{gate := Gate}) ->
    Dropped = dropped(Gate),
    New = maps:merge(Lost, maps:map(fun(S, N) -> N - maps:get(S, Before) + maps:get(S, Lost, 0)
                                  end, Dropped)),
    {#{entries => Entries, dropped => maps:filter(fun(_, N) -> N > 0 end, New)},
     Data#{dropped := Dropped, lost := #{}}}.

%% The link did not take it: it counts with what comes next.
lost(#{entries := Entries, dropped := Dropped}, #{lost := Lost} = Data) ->
    Data#{lost := lists:foldl(fun({S, N}, L) -> L#{S => maps:get(S, L, 0) + N} end, Lost,
                              [{S, 1} || #{source := S} <- Entries] ++ maps:to_list(Dropped))}.

dropped(Gate) -> maps:map(fun(_, Place) -> atomics:get(Gate, Place) end, ?SOURCES).

message({entry, Words, Entry}, #{queue := Queue, words := Before} = State) ->
    Now = Before + Words,
    _ = if
            Before < ?MANY_WORDS, Now >= ?MANY_WORDS -> self() ! flush;
            Before =:= 0 -> erlang:send_after(?BATCH_MS, self(), flush);
            true -> ok
        end,
    {none, State#{queue := [Entry | Queue], words := Now}};
message(flush, #{queue := Queue, words := Words} = State) ->
    self() ! {flushed, Words},
    {{due, flush}, State#{queue := [], words := 0, batch := lists:reverse(Queue)}};
message({flushed, Words}, #{gate := Gate} = State) ->
    atomics:sub(Gate, ?WORDS, Words),
    {none, State#{batch := []}};
message({monitor, Who, Kind, Info}, State) ->
    {none, monitored(Who, Kind, Info, State)};
message({resume, Kind}, #{paused := Paused} = State) ->
    {none, attach_monitor(State#{paused := lists:delete(Kind, Paused)})};
message({'EXIT', Pid, _}, #{helpers := Helpers} = State) ->
    {none, State#{helpers := maps:remove(Pid, Helpers)}};
message(_, State) ->
    {none, State}.

%%% Sources

%% Somebody may have taken away what we had, or now have what we can use.
check(#{checked := Checked} = State) ->
    Now = erlang:monotonic_time(millisecond),
    case Now - Checked >= ?CHECK_MS of
        true -> combine(State#{checked := Now});
        false -> State
    end.

attach(State) -> attach_monitor(attach_lager(attach_logger(State))).

attach_logger(#{gate := Gate, levels := Levels} = State) ->
    Wanted = maps:with([logger, sasl, error_logger], Levels),
    Level = lists:max(maps:values(Wanted)),
    Config = #{level => lists:nth(Level + 2, [none, emergency, alert, critical, error, warning,
                                              notice, info, debug]),
               config => #{agent => self(), gate => Gate, levels => Wanted},
               filter_default => log,
               filters => [{remote, {fun logger_filters:remote_gl/2, stop}}]},
    case [Id || Id <- ?HANDLERS, owner(Id) =:= self()] of
        [Id] ->
            {ok, #{config := #{levels := Now}}} = logger:get_handler_config(Id),
            _ = Now =:= Wanted orelse logger:update_handler_config(Id, Config),
            ok;
        [] ->
            add_handler(?HANDLERS, Config)
    end,
    State.

%% Of another version's agent that is there as well the name is left alone.
add_handler([Id | Ids], Config) ->
    Owner = owner(Id),
    _ = is_pid(Owner) andalso not is_process_alive(Owner) andalso logger:remove_handler(Id),
    case logger:add_handler(Id, ?AGENT, Config) of
        ok -> ok;
        {error, _} -> add_handler(Ids, Config)
    end;
add_handler([], _) -> ok.

owner(Id) ->
    case logger:get_handler_config(Id) of
        {ok, #{config := #{agent := Agent}}} -> Agent;
        _ -> none
    end.

attach_lager(#{gate := Gate, levels := #{lager := Level}} = State) ->
    Handler = {?AGENT, {self(), lager}},
    _ = case is_pid(whereis(lager_event)) andalso manager(lager_event, which_handlers) of
            {ok, Handlers} ->
                Request = case lists:member(Handler, Handlers) of
                              true -> {call, Handler, {level, Level}};
                              false -> {add_sup_handler, Handler, {self(), Gate, Level}, self()}
                          end,
                manager(lager_event, Request);
            _ -> none
        end,
    State.

%% In the guard. system_monitor and a session go by themselves with their process.
give_back(Agent) ->
    _ = [logger:remove_handler(Id) || Id <- ?HANDLERS, owner(Id) =:= Agent],
    is_pid(whereis(lager_event))
        andalso manager(lager_event, {delete_handler, {?AGENT, {Agent, lager}}, gone}).

%%% logger: in the process that logs

-spec log(logger:log_event(), logger:handler_config()) -> ok.
log(#{level := Level, msg := Msg, meta := Meta} = Event,
    #{config := #{agent := Agent, gate := Gate, levels := Levels}}) ->
    try
        {Source, Kind} = origin(Msg, Meta),
        _ = number(Level) =< maps:get(Source, Levels) andalso passes(Gate, Source) andalso
            hand_on(Agent, Gate, Source, fun() -> entry(Source, Kind, Event) end),
        ok
    catch _:_ -> ok
    end;
log(_, _) -> ok.

%% Overload stops here. A second's budget, and a bound on what the agent has not taken up.
passes(Gate, Source) ->
    Now = erlang:monotonic_time(second),
    case atomics:get(Gate, ?SECOND) of
        Now -> ok;
        Then ->
            case atomics:compare_exchange(Gate, ?SECOND, Then, Now) of
                ok -> atomics:put(Gate, ?USED, 0);
                _ -> ok
            end
    end,
    Rate = atomics:get(Gate, ?RATE),
    case atomics:get(Gate, ?USED) < Rate andalso atomics:get(Gate, ?WORDS) < ?MOST_WORDS
        andalso atomics:add_get(Gate, ?USED, 1) =< Rate of
        true -> true;
        false -> drop(Gate, Source)
    end.

drop(Gate, Source) -> atomics:add(Gate, maps:get(Source, ?SOURCES), 1), false.

%% How large it is shows only when it is made.
hand_on(Agent, Gate, Source, Make) ->
    try
        #{text := Text} = Entry = Make(),
        Words = erts_debug:flat_size(Entry) + byte_size(Text) div 8,
        case atomics:add_get(Gate, ?WORDS, Words) =< ?MOST_WORDS of
            true -> Agent ! {entry, Words, Entry};
            false -> atomics:sub(Gate, ?WORDS, Words), drop(Gate, Source)
        end
    catch _:_ -> drop(Gate, Source)
    end.

origin({report, #{label := {supervisor, progress}}}, _) -> {sasl, progress};
origin({report, #{label := {application_controller, progress}}}, _) -> {sasl, progress};
origin({report, #{label := {supervisor, _}}}, _) -> {sasl, supervisor_report};
origin({report, #{label := {proc_lib, crash}}}, _) -> {sasl, crash_report};
origin({report, #{label := {application_controller, Kind}}}, _) when is_atom(Kind) ->
    {logger, case Kind of exit -> application_exit; _ -> Kind end};
origin({report, #{label := {_, terminate}}}, _) -> {logger, terminate};
origin(_, #{domain := [otp, sasl | _]} = Meta) -> {sasl, legacy_kind(Meta)};
origin(_, #{error_logger := #{emulator := true}}) -> {error_logger, emulator};
origin({report, _}, #{report_cb := _, domain := _}) -> {logger, report};
origin(_, #{error_logger := #{tag := _}, mfa := _}) -> {logger, log};
origin(_, #{error_logger := #{tag := _}} = Meta) -> {error_logger, legacy_kind(Meta)};
origin({report, _}, _) -> {logger, report};
origin(_, _) -> {logger, log}.

legacy_kind(#{error_logger := #{type := Type}}) when is_atom(Type) -> Type;
legacy_kind(#{error_logger := #{tag := Tag}}) when is_atom(Tag) -> Tag;
legacy_kind(_) -> report.

entry(Source, Kind, #{level := Level, msg := Msg, meta := Meta} = Event) ->
    Config = #{template => [msg], depth => 20, chars_limit => ?MOST_TEXT div 2, single_line => false},
    #{at => maps:get(time, Meta, microseconds()), severity => Level, source => Source, kind => Kind,
      text => to_text(logger_formatter:format(Event, Config)),
      report => case Msg of {report, Report} -> bound(Report); _ -> undefined end,
      pid => pid_text(maps:get(pid, Meta, undefined)),
      mfa => mfa(Msg, Meta),
      application => application_of(Meta)}.

%% Whom it is about, where the report says so; otherwise who logged it.
mfa({report, #{label := {proc_lib, crash}, report := [[_ | _] = Info | _]}}, Meta) ->
    initial(lists:keyfind(initial_call, 1, Info), Meta);
mfa({report, #{label := {supervisor, _}, report := Report}}, Meta) ->
    case lists:keyfind(offender, 1, Report) of
        {_, [_ | _] = Child} -> initial(lists:keyfind(mfargs, 1, Child), Meta);
        _ -> mfa(none, Meta)
    end;
mfa(_, #{mfa := {_, _, _} = MFA}) -> bound(MFA);
mfa(_, _) -> undefined.

initial({_, {M, F, A}}, _) when is_atom(M), is_atom(F), is_list(A) -> {M, F, length(A)};
initial(_, Meta) -> mfa(none, Meta).

application_of(#{gl := Leader}) when is_pid(Leader) ->
    case application_controller:get_application(Leader) of
        {ok, Name} -> Name;
        undefined -> undefined
    end;
application_of(_) -> undefined.

%%% lager: in its event manager

-type lager() :: {Agent :: pid(), Gate :: atomics:atomics_ref(), Level :: integer()}.

-spec init(lager()) -> {ok, lager()}.
init({Agent, Gate, Level}) -> {ok, {Agent, Gate, Level}}.

-spec handle_event(term(), lager()) -> {ok, lager()}.
%% What lager itself has from error_logger reaches us through logger: only its own has a module.
handle_event({log, {lager_msg, _, Meta, Level, _, Time, Text}}, {Agent, Gate, Most} = State) ->
    try
        _ = number(Level) =< Most andalso lists:keymember(module, 1, Meta)
            andalso passes(Gate, lager)
            andalso hand_on(Agent, Gate, lager, fun() -> lager_entry(Meta, Level, Time, Text) end),
        ok
    catch _:_ -> ok
    end,
    {ok, State};
handle_event(_, State) -> {ok, State}.

lager_entry(Meta, Level, {Mega, Seconds, Micro}, Text) ->
    Get = fun(Key) -> proplists:get_value(Key, Meta) end,
    #{at => (Mega * 1000000 + Seconds) * 1000000 + Micro, severity => Level, source => lager,
      kind => log, text => to_text(Text), report => bound(lists:sublist(Meta, 20)),
      pid => case Get(pid) of P when is_pid(P) -> pid_text(P); P -> to_text(P) end,
      mfa => {bound(Get(module)), bound(Get(function)), undefined},
      application => case Get(application) of A when is_atom(A) -> A; _ -> undefined end}.

-spec handle_call(term(), lager()) -> {ok, term(), lager()}.
%% No level of ours: lager's remains what its own backends want.
handle_call(get_loglevel, State) -> {ok, {mask, 0}, State};
handle_call({level, Level}, {Agent, Gate, _}) -> {ok, ok, {Agent, Gate, Level}};
handle_call(_, State) -> {ok, ok, State}.

-spec handle_info(term(), lager()) -> {ok, lager()}.
handle_info(_, State) -> {ok, State}.

%%% A crash dump of an earlier life

crash_dump() ->
    Path = case os:getenv("ERL_CRASH_DUMP") of
               false -> filename:absname("erl_crash.dump");
               Given -> filename:absname(Given)
           end,
    try
        {ok, Info} = file:read_file_info(Path, [raw, {time, posix}]),
        regular = element(3, Info),
        {ok, File} = file:open(Path, [raw, read, binary]),
        Head = try file:read(File, 1024) after file:close(File) end,
        {ok, <<"=erl_crash_dump", _/binary>> = Start} = Head,
        Slogan = case binary:split(Start, <<"Slogan: ">>) of
                     [_, Rest] -> hd(binary:split(Rest, <<"\n">>));
                     [_] -> <<>>
                 end,
        Seconds = element(6, Info),
        #{at => Seconds * 1000000, severity => error, source => crash_dump, kind => crash_dump,
          text => to_text(["Crash dump ", Path, ": ", Slogan]),
          report => #{path => to_text(Path), size => element(2, Info), mtime => Seconds,
                      slogan => to_text(Slogan)},
          pid => undefined, mfa => undefined, application => undefined}
    catch _:_ -> none
    end.
