%% Bounded copies of what somebody else's process says: for agents that hand on events.
-define(MOST_TEXT, 8192).
-define(MOST_PARTS, 400).
-define(MOST_DEPTH, 12).
-define(MOST_ELEMENTS, 30).
-define(MOST_BYTES, 256).

%% The same term with '...' where it is too deep, too long or too much; printable lists become
%% binaries, funs (which carry their environment) text. At most some 1,000 words, whatever comes.
bound(Term) -> element(1, bound(Term, ?MOST_DEPTH, ?MOST_PARTS)).

bound(_, _, Left) when Left =< 0 -> {'...', Left};
bound([], _, Left) -> {[], Left - 1};
bound(T, _, Left) when is_atom(T); is_float(T); is_pid(T); is_port(T); is_reference(T) ->
    {T, Left - 1};
bound(T, _, Left) when is_integer(T) ->
    {case abs(T) bsr 127 of 0 -> T; _ -> '...' end, Left - 1};
bound(T, _, Left) when is_binary(T) ->
    {cut(T, ?MOST_BYTES), Left - 1 - min(byte_size(T), ?MOST_BYTES) div 8};
bound(T, _, Left) when is_function(T) ->
    {list_to_binary(erlang:fun_to_list(T)), Left - 5};
bound(_, 0, Left) -> {'...', Left - 1};
bound(T, Depth, Left) when is_tuple(T) ->
    Some = [element(N, T) || N <- lists:seq(1, min(tuple_size(T), ?MOST_ELEMENTS + 1))],
    {Elements, Now} = bound_list(Some, ?MOST_ELEMENTS, Depth - 1, Left - 1),
    {list_to_tuple(Elements), Now};
bound(T, Depth, Left) when is_map(T) ->
    bound_pairs(maps:next(maps:iterator(T)), ?MOST_ELEMENTS, #{}, Depth - 1, Left - 1);
bound(T, Depth, Left) when is_list(T) ->
    case printable(T, ?MOST_BYTES) of
        false -> bound_list(T, ?MOST_ELEMENTS, Depth - 1, Left - 1);
        Start -> {to_text(Start), Left - 1 - length(Start) div 8}
    end;
bound(_, _, Left) -> {'...', Left - 1}.

bound_list([H | T], N, Depth, Left) when N > 0, Left > 0 ->
    {First, Now} = bound(H, Depth, Left),
    {Rest, Later} = bound_list(T, N - 1, Depth, Now),
    {[First | Rest], Later};
bound_list([], _, _, Left) -> {[], Left};
bound_list([_ | _], _, _, Left) -> {['...'], Left};
bound_list(T, _, Depth, Left) ->
    {Last, Now} = bound(T, Depth, Left),
    {[Last], Now}.

bound_pairs({K, V, Next}, N, Map, Depth, Left) when N > 0, Left > 0 ->
    {Key, Now} = bound(K, Depth, Left),
    {Value, Later} = bound(V, Depth, Now),
    bound_pairs(maps:next(Next), N - 1, Map#{Key => Value}, Depth, Later);
bound_pairs(none, _, Map, _, Left) -> {Map, Left};
bound_pairs(_, _, Map, _, Left) -> {Map#{'...' => '...'}, Left}.

%% The beginning of a list of printable characters, or false.
printable([C | T], N) when N > 0, is_integer(C), C >= 32, C =< 16#10ffff, C =/= 127,
                           (C < 16#d800 orelse C > 16#dfff);
                           N > 0, C =:= $\n; N > 0, C =:= $\t; N > 0, C =:= $\r ->
    case printable(T, N - 1) of false -> false; Rest -> [C | Rest] end;
printable([], _) -> [];
printable([C | _], 0) when is_integer(C) -> "...";
printable(_, _) -> false.

%% UTF-8 of at most MOST_TEXT bytes.
to_text(Chars) ->
    case catch unicode:characters_to_binary(Chars) of
        Text when is_binary(Text) -> cut(Text, ?MOST_TEXT);
        {_, Text, _} when is_binary(Text) -> cut(Text, ?MOST_TEXT);
        _ -> <<"(not text)">>
    end.

%% Not in the middle of a character, and without holding on to the whole.
cut(Binary, Most) when byte_size(Binary) =< Most -> binary:copy(Binary);
cut(Binary, Most) ->
    Part = binary:part(Binary, 0, Most - 3),
    case unicode:characters_to_binary(Part) of
        {_, Good, _} when byte_size(Good) > Most - 8 -> <<Good/binary, "...">>;
        _ -> <<Part/binary, "...">>
    end.

%% What a process is, for somebody who was not there: without its dictionary, memory or messages.
%% Waits while the process is in a long native call: so not to be asked by the agent itself.
evidence(Pid) ->
    Items = [registered_name, initial_call, current_function, current_stacktrace,
             message_queue_len, status],
    case is_pid(Pid) andalso node(Pid) =:= node() andalso process_info(Pid, Items) of
        [_ | _] = Info ->
            bound(maps:from_list([{K, V} || {K, V} <- [{label, label(Pid)} | Info],
                                            V =/= undefined, {K, V} =/= {registered_name, []}]));
        _ -> #{}
    end.

label(Pid) ->
    case erlang:function_exported(proc_lib, get_label, 1) of
        true -> foreign(proc_lib, get_label, [Pid]);
        false -> undefined
    end.

%% Calls what only some hosts have.
foreign(Module, Function, Arguments) -> apply(Module, Function, Arguments).

%% gen_event's calls, but with a limit: a manager of the host's may be stuck in somebody's handler.
manager(Name, Request) ->
    try gen:call(Name, self(), Request, 2000) of
        {ok, Answer} -> {ok, Answer}
    catch _:_ -> error
    end.

pid_text(Pid) when is_pid(Pid) -> list_to_binary(pid_to_list(Pid));
pid_text(Port) when is_port(Port) -> list_to_binary(erlang:port_to_list(Port));
pid_text(_) -> undefined.

microseconds() -> erlang:system_time(microsecond).
