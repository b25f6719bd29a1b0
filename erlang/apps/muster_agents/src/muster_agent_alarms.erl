%% Agent "alarms": hands on the alarms that the node itself raises, and what is wrong with it that
%% only a look at its processes, code and configuration shows.
%%
%% Cost for the host: two processes; a handler beside the others in alarm_handler; subscriptions to
%% elarm and to Mnesia's system events if these run. Once a minute a third process of low priority
%% asks all processes for the length of their message queue, a thousand at a time with pauses and
%% at most 100 ms of work in 30 s (100,000 processes: 30 ms), and never for their memory; it skips
%% that when run queues are long. Once an hour another one looks at code and applications, a
%% second or less of reading directories and .app files. Each has a heap cap. Values of
%% configuration never leave the node: only 27-bit hashes do.
%%
%% Sent at once (100 ms): #{raised => [#{id, description, source, severity, at, ...}], cleared => [Id]}
%% with sources sasl, elarm (id {elarm, Id, Src}) and mnesia. Each interval also: present => [Id], all
%% that is known to be raised, since an overload of alarms is dropped (dropped => N), and complete =>
%% [Source]: those of which it is all that there is. A daemon that is new is told all that is raised,
%% 25 kB of it in a message. What is in both lists was cleared and raised again. Without present, where
%% that would be too much for a message, what was told stands.
%% After each scan: long_queues => [#{pid, name, len, ...evidence}], the longest 20 of the long_count in
%% scan => #{processes, scanned, sum, most, long_count, wall_us} or #{skipped => Why}, and checks =>
%% #{Key => Value} of those that have changed since they were last sent to this daemon:
%%     old_code => [Module], code_mode => interactive | embedded, timezone => Seconds,
%%     multi_scheduling => [blocked | blocked_normal], peers => [Node],
%%     applications => #{App => Version},
%%     modules => #{Module => Hash}, config => #{App => #{Key => Hash}}, clashes => #{Module => [Dir]},
%%     bad_app_files => #{App => Why}, missing_dependencies => #{App => [Dependency]},
%%     old_dependencies => #{App => [{Dependency, Version}]}
%% Settings: long_queue => Length (1000), scan_ms (60000, at least 30000), checks_ms (3600000).
-ifndef(AGENT).
-define(AGENT, muster_agent_alarms).
-endif.
-module(?AGENT).

-export([vsn/0, start/1, stop/0]).
%% The handler of alarm_handler.
-export([init/1, handle_event/2, handle_call/2, handle_info/2]).

-define(NAME, alarms).
-define(LOST, true).
-define(MOST_HEAP_WORDS, 1 bsl 21).   % 16 MB, while it reads a thousand alarms; 10 kB else
-include("muster_agent.hrl").
-include("muster_agent_bound.hrl").
-include("muster_agent_looks.hrl").

-define(BATCH_MS, 100).
-define(MOST_IN_FLIGHT, 200).
-define(MOST_PRESENT, 1000).
%% Of one message, of which the daemon takes 40,000 terms: those have no more terms than bytes.
-define(RAISED_BYTES, 25000).
-define(ID_PARTS, 100).
-define(MOST_ID_TERMS, 14000).
-define(MOST_CLEARED, 200).
-define(OVERLOAD_MS, 60000).

-define(IN_FLIGHT, 1).
-define(DROPPED, 2).

%%% The agent

first() ->
    _ = process_flag(trap_exit, true),
    _ = process_flag(message_queue_data, off_heap),
    hold(self()),
    _ = erlang:send_after(1000, self(), scan),
    _ = erlang:send_after(3000, self(), checks),
    attach(#{gate => atomics:new(2, [{signed, true}]), present => #{}, raised => [], cleared => [],
             batch => none, elarm => none, mnesia => none, long_queue => 1000, scan_ms => 60000,
             checks_ms => 3600000, helpers => #{}, scan => #{skipped => not_yet}, long_queues => none,
             checks => #{}, attached => erlang:monotonic_time(millisecond)}).

%% An overload of Mnesia's is over after a minute, and the agent before us may not have said so.
lease(Handle, Options, State) ->
    {#{handle => Handle, sent => #{}, dropped => 0, unsaid => [{mnesia, overload}]}, wish(Options, State)}.

settings(_, Map, Data, State) -> {Data, wish(Map, State)}.

wish(Map, State) ->
    Least = #{long_queue => 100, scan_ms => 30000, checks_ms => 60000},
    maps:fold(fun(Key, Low, New) ->
                      case Map of
                          #{Key := V} when is_integer(V) -> New#{Key := max(V, Low)};
                          #{} -> New
                      end
              end, State, Least).

tick(interval, #{sent := Sent, dropped := Before, unsaid := Unsaid} = Data, State) ->
    {Complete, #{present := Present} = New} = resync(attach_again(State)),
    Dropped = atomics:get(maps:get(gate, New), ?DROPPED),
    Ids = maps:keys(Present),
    %% All of them to a daemon that is new, as many at once as it takes; after that they come as they change.
    {Raised, Untold} = told(maps:get(untold, Sent, Ids), Data, New),
    Over = Unsaid -- Ids,
    {Cleared, Later} = lists:split(min(length(Over), ?MOST_CLEARED), Over),
    Sample = #{raised => Raised, cleared => Cleared, dropped => Dropped - Before},
    {case terms_left({Ids, Cleared}, ?MOST_ID_TERMS) > 0 of
         true when map_size(Present) < ?MOST_PRESENT -> Sample#{present => Ids, complete => Complete};
         _ -> Sample
     end,
     Data#{sent := Sent#{untold => Untold}, dropped := Dropped, unsaid := Later}, New};
tick(more, #{sent := #{untold := [_ | _] = Ids} = Sent} = Data, State) ->
    {Raised, Untold} = told(Ids, Data, State),
    {#{raised => Raised}, Data#{sent := Sent#{untold := Untold}}, State};
tick(batch, Data, #{batch := {Raised, Cleared}} = State) ->
    {#{raised => Raised, cleared => Cleared}, Data, State};
tick(scan, #{sent := Sent} = Data, #{checks := Checks} = State) ->
    Changed = maps:filter(fun(Key, Packed) -> maps:get(Key, Sent, none) =/= Packed end, Checks),
    Sample = maps:filter(fun(_, V) -> V =/= none end, maps:with([scan, long_queues], State)),
    {case map_size(Changed) of
         0 -> Sample;
         _ -> Sample#{checks => maps:map(fun(_, Packed) -> binary_to_term(Packed) end, Changed)}
     end, Data#{sent := maps:merge(Sent, Checks)}, State};
tick(_, Data, State) ->
    {none, Data, State}.

%% Of these the first, as many as fit into a message, and which are left to be told in 100 ms.
told(Ids, #{handle := Handle}, #{present := Present}) ->
    {Raised, Untold} = fitting([A || Id <- Ids, #{Id := A} <- [Present]]),
    _ = Untold =:= [] orelse later(?BATCH_MS, Handle, more),
    {Raised, [Id || #{id := Id} <- Untold]}.

%% What is left of so many terms when this one is taken away.
terms_left(Term, Left) when Left > 0, is_tuple(Term) ->
    lists:foldl(fun terms_left/2, Left - 1, tuple_to_list(Term));
terms_left([Head | Tail], Left) when Left > 0 -> terms_left(Tail, terms_left(Head, Left));
terms_left(Term, Left) when Left > 0, is_map(Term) -> terms_left(maps:to_list(Term), Left);
terms_left(_, Left) -> Left - 1.

%% What fits into one message, and the rest.
fitting(Alarms) -> fitting(Alarms, ?RAISED_BYTES, []).

fitting([Alarm | Alarms], Bytes, Fitting) when Bytes > 0 ->
    fitting(Alarms, Bytes - erlang:external_size(Alarm), [Alarm | Fitting]);
fitting(Alarms, _, Fitting) -> {lists:reverse(Fitting), Alarms}.

%% The link did not take it: everything again, with the next.
lost(#{cleared := Ids}, #{unsaid := Unsaid} = Data) ->
    Data#{sent := #{}, unsaid := lists:sublist(Ids ++ Unsaid, ?MOST_PRESENT)};
lost(_, Data) -> Data#{sent := #{}}.

message({sasl, What}, #{gate := Gate} = State) ->
    atomics:sub(Gate, ?IN_FLIGHT, 1),
    {none, note(What, State)};
message({elarm, Ref, What}, #{elarm := {Ref, _}} = State) ->
    {none, from_elarm(What, State)};
message({mnesia_system_event, Event}, State) ->
    {none, from_mnesia(Event, State)};
message({overload_over, Ref}, #{mnesia := {_, Ref}} = State) ->
    {none, note({clear, {mnesia, overload}}, State)};
message(flush, #{raised := Raised, cleared := Cleared, gate := Gate, present := Present} = State) ->
    self() ! flushed,
    {Now, Rest} = fitting(lists:reverse(Raised)),
    {Later, Dropped} = lists:split(min(length(Rest), ?MOST_PRESENT), Rest),
    atomics:add(Gate, ?DROPPED, length(Dropped)),
    _ = Later =:= [] orelse erlang:send_after(?BATCH_MS, self(), flush),
    %% What was dropped is found again by resync.
    {{due, batch}, State#{present := maps:without([Id || #{id := Id} <- Dropped], Present),
                          raised := lists:reverse(Later), cleared := [],
                          batch := {Now, lists:reverse(Cleared)}}};
message(flushed, State) ->
    {none, State#{batch := none}};
message(scan, #{scan_ms := Ms} = State) ->
    _ = erlang:send_after(Ms, self(), scan),
    case pressure(node()) of
        none -> {none, help(scan, fun(Agent) -> Agent ! {scanned, scan(State)} end, State)};
        Why -> {{due, scan}, skipped(Why, State)}
    end;
message(checks, #{checks_ms := Ms} = State) ->
    case pressure(node()) of
        none ->
            _ = erlang:send_after(Ms, self(), checks),
            {none, help(checks, fun(Agent) -> Agent ! {checked, slow_checks()} end, State)};
        _ ->
            _ = erlang:send_after(60000, self(), checks),
            {none, State}
    end;
message({scanned, {#{skipped := Why}, _, Checks}}, State) ->
    {{due, scan}, skipped(Why, known(Checks, State))};
message({scanned, {Scan, Long, Checks}}, State) ->
    {{due, scan}, known(Checks, State#{scan := Scan, long_queues := Long})};
message({checked, Checks}, State) ->
    {{due, scan}, known(Checks, State)};
message({'EXIT', Pid, Reason}, #{helpers := Helpers, mnesia := Mnesia} = State) ->
    case {maps:take(Pid, Helpers), Mnesia} of
        {{scan, Left}, _} when Reason =/= normal ->
            {{due, scan}, skipped(bound(Reason), State#{helpers := Left})};
        {{_, Left}, _} -> {none, State#{helpers := Left}};
        {error, {Pid, _}} -> {none, mnesia_gone(State)};
        {error, _} -> {none, State}
    end;
message(_, State) ->
    {none, State}.

%% Then nothing is known of queues, which is not the same as that none is long.
skipped(Why, State) -> State#{scan := #{skipped => Why}, long_queues := none}.

known(Checks, #{checks := Known} = State) -> State#{checks := maps:merge(Known, Checks)}.

%% Raised or cleared: known, and said within 100 ms.
note(What, #{present := Present, raised := Raised, cleared := Cleared} = State) ->
    _ = Raised =:= [] andalso Cleared =:= [] andalso erlang:send_after(?BATCH_MS, self(), flush),
    case What of
        {raise, #{id := Id} = Alarm} when map_size(Present) < ?MOST_PRESENT; is_map_key(Id, Present) ->
            State#{present := Present#{Id => Alarm}, raised := [Alarm | Raised]};
        {raise, Alarm} ->
            State#{raised := [Alarm | Raised]};
        {clear, Id} ->
            State#{present := maps:remove(Id, Present), cleared := [Id | Cleared],
                   raised := [A || #{id := I} = A <- Raised, I =/= Id]}
    end.

%%% Sources

attach_again(#{attached := Then} = State) ->
    Now = erlang:monotonic_time(millisecond),
    case Now - Then >= 10000 of
        true -> attach(State#{attached := Now});
        false -> State
    end.

attach(State) -> attach_mnesia(attach_elarm(attach_sasl(State))).

attach_sasl(#{gate := Gate} = State) ->
    Handler = {?AGENT, self()},
    case is_pid(whereis(alarm_handler)) andalso manager(alarm_handler, which_handlers) of
        {ok, Handlers} ->
            _ = lists:member(Handler, Handlers) orelse
                manager(alarm_handler, {add_sup_handler, Handler, {self(), Gate}, self()}),
            State;
        _ -> State
    end.

attach_elarm(#{elarm := Held} = State) ->
    case {whereis(elarm_server), Held} of
        {undefined, _} -> State#{elarm := none};
        {Server, {_, Server}} -> State;
        {Server, _} ->
            try
                {ok, Ref, Alarms} = foreign(elarm, subscribe, [[all], self()]),
                lists:foldl(fun from_elarm/2, State#{elarm := {Ref, Server}},
                            lists:sublist(Alarms, ?MOST_PRESENT))
            catch _:_ -> State
            end
    end.

%% mnesia_subscr links with who subscribes, and so we learn of its end.
attach_mnesia(#{mnesia := Held} = State) ->
    case {whereis(mnesia_subscr), Held} of
        {undefined, none} -> State;
        {undefined, _} -> mnesia_gone(State);
        {Server, {Server, _}} -> State;
        {Server, _} ->
            case catch foreign(mnesia, subscribe, [system]) of
                {ok, _} -> State#{mnesia := {Server, none}};
                _ -> State
            end
    end.

mnesia_gone(State) -> clear(ids(mnesia, State), State#{mnesia := none}).

from_mnesia({inconsistent_database, Context, Node}, State) ->
    note({raise, alarm({mnesia, inconsistent_database, Node}, Context, mnesia, major)}, State);
from_mnesia({mnesia_overload, Details}, #{mnesia := {Server, _}} = State) ->
    Ref = make_ref(),
    _ = erlang:send_after(?OVERLOAD_MS, self(), {overload_over, Ref}),
    note({raise, alarm({mnesia, overload}, Details, mnesia, major)}, State#{mnesia := {Server, Ref}});
from_mnesia({mnesia_down, Node}, State) when Node =:= node() ->
    mnesia_gone(State);
from_mnesia(_, State) ->
    State.

from_elarm({clear, Id, Src, _, _}, State) -> note({clear, elarm_id(Id, Src)}, State);
from_elarm(Alarm, State) when element(1, Alarm) =:= alarm, tuple_size(Alarm) >= 11 ->
    [alarm, Id, _, Src, _, _, Severity, Cause, Repair, Description, More | _] =
        tuple_to_list(Alarm),
    New = alarm(elarm_id(Id, Src), Description, elarm, Severity),
    note({raise, New#{probable_cause => bound(Cause), proposed_repair_action => bound(Repair),
                      additional_information => bound(More)}}, State);
from_elarm(_, State) -> State.

elarm_id(Id, Src) -> bound_id({elarm, Id, Src}).

bound_id(Id) -> element(1, bound(Id, ?MOST_DEPTH, ?ID_PARTS)).

%% Id is bounded, once: bounded again it might be another.
alarm(Id, Description, Source, Severity) ->
    #{id => Id, description => bound(Description), source => Source, severity => Severity,
      at => microseconds()}.

%% What is raised as the sources have it, for what was dropped or came before us; and of which sources
%% that is all. One that does not run has raised nothing; where there is no list (another handler than
%% the usual one, Mnesia, or it is too long), what we have heard stands.
resync(State) -> lists:foldl(fun resync/2, {[], State}, [sasl, elarm, mnesia]).

resync(Source, {Complete, #{present := Present} = State}) ->
    case catch theirs(Source) of
        {ok, Alarms} when length(Alarms) =< ?MOST_PRESENT ->
            Now = maps:from_list([{case A of
                                       {Id, _} -> bound_id(Id);
                                       _ -> elarm_id(element(2, A), element(4, A))
                                   end, A} || A <- Alarms]),
            {[Source | Complete],
             maps:fold(fun(Id, {_, D}, New) ->
                               note({raise, alarm(Id, D, sasl, indeterminate)}, New);
                          (_, Alarm, New) -> from_elarm(Alarm, New)
                       end,
                       clear(ids(Source, State) -- maps:keys(Now), State),
                       maps:without(maps:keys(Present), Now))};
        _ -> {Complete, State}
    end.

theirs(Source) ->
    #{Source := Server} = #{sasl => alarm_handler, elarm => elarm_server, mnesia => mnesia_subscr},
    case whereis(Server) of
        undefined -> {ok, []};
        _ when Source =:= sasl -> manager(Server, {call, Server, get_alarms});
        _ when Source =:= elarm -> foreign(elarm, get_alarms, []);
        _ -> unknown
    end.

ids(Source, #{present := Present}) ->
    [Id || {Id, #{source := S}} <- maps:to_list(Present), S =:= Source].

clear(Ids, State) -> lists:foldl(fun(Id, New) -> note({clear, Id}, New) end, State, Ids).

%% In the guard. elarm and Mnesia drop a subscriber that has ended.
give_back(Agent) ->
    is_pid(whereis(alarm_handler))
        andalso manager(alarm_handler, {delete_handler, {?AGENT, Agent}, gone}).

%%% alarm_handler: in its process

-type sasl() :: {Agent :: pid(), Gate :: atomics:atomics_ref()}.

-spec init(sasl()) -> {ok, sasl()}.
init({Agent, Gate}) -> {ok, {Agent, Gate}}.

-spec handle_event(term(), sasl()) -> {ok, sasl()}.
handle_event({set_alarm, {Id, Description}}, State) ->
    {ok, hand_on(fun() -> {raise, alarm(bound_id(Id), Description, sasl, indeterminate)} end, State)};
handle_event({clear_alarm, Id}, State) ->
    {ok, hand_on(fun() -> {clear, bound_id(Id)} end, State)};
handle_event(_, State) -> {ok, State}.

hand_on(Make, {Agent, Gate} = State) ->
    _ = case atomics:add_get(Gate, ?IN_FLIGHT, 1) =< ?MOST_IN_FLIGHT of
            true -> Agent ! {sasl, Make()};
            false -> atomics:sub(Gate, ?IN_FLIGHT, 1), atomics:add(Gate, ?DROPPED, 1)
        end,
    State.

-spec handle_call(term(), sasl()) -> {ok, {error, bad_query}, sasl()}.
handle_call(_, State) -> {ok, {error, bad_query}, State}.

-spec handle_info(term(), sasl()) -> {ok, sasl()}.
handle_info(_, State) -> {ok, State}.
