%% Runs alone in another release of OTP: has the agents "notifications" and "alarms" come, provokes
%% one event of each kind, has them leave, and says whether anything is left.
-module(muster_test_visit).

-export([run/0]).

-spec run() -> no_return().
run() ->
    Modules = [list_to_atom(M) || M <- init:get_plain_arguments()],
    {ok, _} = application:ensure_all_started(sasl),
    ok = logger:set_primary_config(level, error),
    ok = logger:remove_handler(default),
    _ = look(Modules),
    Before = look(Modules),
    {Holder, Monitor} = spawn_monitor(fun() -> visit(Modules) end),
    receive {'DOWN', Monitor, process, Holder, Result} -> io:format("~p~n", [Result]) end,
    wait(Before, Modules, 50),
    halt().

visit(Modules) ->
    Agents = [begin {ok, Pid} = M:start(#{pid => self(), interval_ms => 1000}), Pid end || M <- Modules],
    [Pid ! {muster_agent_settings, self(),
            #{levels => #{system_monitor => warning}, system_monitor => #{large_heap => 1000000}}}
     || Pid <- Agents],
    timer:sleep(500),
    io:format("otp ~s, monitor ~p~n", [erlang:system_info(otp_release), erlang:system_monitor()]),
    spawn(fun() -> error(on_purpose) end),
    proc_lib:spawn(fun() -> error(on_purpose) end),
    spawn(fun() -> L = lists:seq(1, 3000000), erlang:garbage_collect(), hd(L) end),
    alarm_handler:set_alarm({flood, everywhere}),
    Slow = spawn(fun() -> receive never -> ok end end),
    [Slow ! N || N <- lists:seq(1, 2000)],
    Wanted = [emulator, crash_report, large_heap, flood, long_queue, modules],
    [] = collect(Wanted),
    exit(Slow, kill).

collect([]) -> [];
collect(Wanted) ->
    receive
        {muster_agent, notifications, _, #{entries := Entries}} ->
            collect(Wanted -- [K || #{kind := K, text := T} <- Entries, is_binary(T)]);
        {muster_agent, alarms, _, Map} ->
            collect(Wanted -- ([I || #{id := I} <- maps:get(raised, Map, [])]
                               ++ [long_queue || #{len := 2000} <- maps:get(long_queues, Map, [])]
                               ++ [modules || #{modules := #{lists := _}} <- [maps:get(checks, Map, #{})]]))
    after 20000 -> Wanted
    end.

wait(Before, Modules, N) ->
    case look(Modules) of
        Before -> io:format("clean~n");
        Now when N =:= 0 -> io:format("left:~n~p~n~p~n", [Before -- Now, Now -- Before]);
        _ -> timer:sleep(100), wait(Before, Modules, N - 1)
    end.

look(Modules) ->
    [{processes, lists:sort(processes())}, {registered, lists:sort(registered())},
     {tables, lists:sort(ets:all())}, {loaded, [M || M <- Modules, erlang:module_loaded(M)]},
     {old, [M || M <- Modules, erlang:check_old_code(M)]}, {handlers, logger:get_handler_ids()},
     {alarm_handlers, gen_event:which_handlers(alarm_handler)}, {monitor, erlang:system_monitor()},
     {sessions, erlang:function_exported(trace, session_info, 1)
      andalso length(apply(trace, session_info, [all]))}].
