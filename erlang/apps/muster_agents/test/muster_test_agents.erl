%% What the suites of the agents share: their beams, a "daemon" (a hidden node that loads and leases
%% them as the C++ daemon does) that keeps what they send, and the look of a node that has no guest.
-module(muster_test_agents).
-include_lib("common_test/include/ct.hrl").

-export([init_per_suite/1, end_per_suite/1, build/1, beam/2, connect/2, guest/4, guest/5, said/1,
         tell/2, release/1, look/1, look_alone/2, same/3]).
%% Called on the peers.
-export([snapshot/0, lease/5, keep/2]).
-export_type([guest/0]).

-type guest() :: #{daemon := pid(), holder := pid(), agent := pid(), module := module()}.

%% For all suites: an epmd of their own, and the agents' beams in dir.
-spec init_per_suite(ct_suite:ct_config()) -> ct_suite:ct_config().
init_per_suite(Config) ->
    Epmd = muster_test_nodes:start_epmd(),
    Dir = filename:join(?config(priv_dir, Config), "agents"),
    [{epmd, Epmd}, {agents, build(Dir)}, {dir, Dir} | Config].

-spec end_per_suite(ct_suite:ct_config()) -> ok.
end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

-spec build(file:filename()) -> [map()].
build(Dir) ->
    Script = filename:join(filename:dirname(source()), "../build_agents"),
    [] = os:cmd("escript " ++ Script ++ " " ++ Dir),
    {ok, Text} = file:read_file(filename:join(Dir, "agents.txt")),
    [begin
         [Agent, Version, Module, First, _Last, File, Sha] = string:lexemes(Line, " "),
         #{agent => Agent, version => Version, module => list_to_atom(Module), first => First,
           file => File, path => filename:join(Dir, File), sha256 => Sha}
     end || Line <- string:lexemes(binary_to_list(Text), "\n")].

%% The one of this name for OTP 25 and later ("25"), or for older ones ("22").
-spec beam(string(), [map()]) -> fun((string()) -> map()).
beam(Name, Agents) ->
    fun(First) ->
            [Agent] = [A || #{agent := N, first := F} = A <- Agents, N =:= Name, F =:= First],
            Agent
    end.

source() -> proplists:get_value(source, ?MODULE:module_info(compile)).

-spec connect(pid(), pid()) -> ok.
connect(From, To) ->
    true = peer:call(From, net_kernel, connect_node, [muster_test_nodes:name(To)]),
    _ = peer:call(From, erpc, call, [muster_test_nodes:name(To), erlang, node, []]),
    ok.

%% Loads and leases the agent.
-spec guest(pid(), pid(), map(), pos_integer()) -> guest().
guest(Daemon, Managed, Agent, Interval) -> guest(Daemon, Managed, Agent, Interval, #{}).

-spec guest(pid(), pid(), map(), pos_integer(), map()) -> guest().
guest(Daemon, Managed, #{module := Module, file := File, path := Path}, Interval, Settings) ->
    {ok, Beam} = file:read_file(Path),
    {Holder, {ok, Pid}} =
        peer:call(Daemon, ?MODULE, lease,
                  [muster_test_nodes:name(Managed), Module, #{file => File, beam => Beam}, Interval,
                   Settings]),
    #{daemon => Daemon, holder => Holder, agent => Pid, module => Module}.

%% All that the agent has sent, oldest first.
-spec said(guest()) -> [map()].
said(#{daemon := Daemon, holder := Holder}) -> peer:call(Daemon, ?MODULE, keep, [Holder, said]).

-spec tell(guest(), map()) -> ok.
tell(#{daemon := Daemon, holder := Holder}, Settings) ->
    peer:call(Daemon, ?MODULE, keep, [Holder, {tell, Settings}]).

-spec release(guest()) -> ok.
release(#{daemon := Daemon, holder := Holder}) -> peer:call(Daemon, ?MODULE, keep, [Holder, release]).

-spec look(pid()) -> map().
look(Node) -> peer:call(Node, ?MODULE, snapshot, []).

%% The node's look after the other one was connected and is not any more. The first look loads what it needs;
%% only then can two be compared.
-spec look_alone(pid(), pid()) -> map().
look_alone(Node, Other) ->
    connect(Other, Node),
    _ = look(Node),
    true = peer:call(Other, erlang, disconnect_node, [muster_test_nodes:name(Node)]),
    muster_test_nodes:until([], fun() -> peer:call(Node, erlang, nodes, [connected]) end),
    look(Node).

%% The node looks as before, except for these keys.
-spec same(pid(), map(), [atom()]) -> ok.
same(Node, Before, Except) ->
    muster_test_nodes:until(#{}, fun() ->
                                         maps:filter(fun(K, V) -> V =/= maps:get(K, Before) end,
                                                     maps:without(Except, look(Node)))
                                 end).

%%% On the peers

lease(Managed, Module, Code, Interval, Settings) ->
    Caller = self(),
    Holder = spawn(fun() ->
                           Caller ! {self(), start(Managed, Module, Code, Interval)},
                           holder([], none, Settings)
                   end),
    receive {Holder, Result} -> {Holder, Result} after 30000 -> error(no_answer) end.

start(Managed, Module, #{file := File, beam := Beam} = Code, Interval) ->
    _ = erpc:call(Managed, erlang, module_loaded, [Module])
        orelse erpc:call(Managed, code, atomic_load, [[{Module, File, Beam}]]),
    case erpc:call(Managed, Module, start, [#{pid => self(), interval_ms => Interval}]) of
        {ok, Agent} -> self() ! {agent, Agent}, {ok, Agent};
        {error, leaving} -> timer:sleep(50), start(Managed, Module, Code, Interval);
        Error -> Error
    end.

holder(Said, Agent, Settings) ->
    receive
        {agent, Pid} -> _ = [Pid ! {muster_agent_settings, self(), Settings} || Settings =/= #{}],
                        holder(Said, Pid, Settings);
        {muster_agent, _, _, Map} -> holder([Map | Said], Agent, Settings);
        {From, Ref, said} -> From ! {Ref, lists:reverse(Said)}, holder(Said, Agent, Settings);
        {From, Ref, {tell, Map}} ->
            Agent ! {muster_agent_settings, self(), Map},
            From ! {Ref, ok},
            holder(Said, Agent, Settings);
        {From, Ref, release} -> Agent ! {muster_agent_release, self()}, From ! {Ref, ok}
    end.

keep(Holder, What) ->
    Ref = make_ref(),
    Holder ! {self(), Ref, What},
    receive {Ref, Answer} -> Answer after 30000 -> error(no_answer) end.

%% Everything of a node that a guest could change.
-spec snapshot() -> map().
snapshot() ->
    Loaded = lists:sort([M || {M, _} <- code:all_loaded()]),
    #{processes => lists:sort(processes() -- [self()]),
      registered => lists:sort(registered()),
      ports => length(erlang:ports()),
      tables => lists:sort(ets:all()),
      %% Stock modules that were used for the first time say nothing.
      loaded => [M || M <- Loaded, lists:prefix("muster_agent_", atom_to_list(M)),
                      code:which(M) =/= code:where_is_file(atom_to_list(M) ++ ".beam")],
      old => [M || M <- Loaded, erlang:check_old_code(M)],
      logger => logger:get_config(),
      gen_events => [{M, gen_event:which_handlers(M)}
                     || M <- [erl_signal_server, alarm_handler, lager_event, error_logger],
                        is_pid(whereis(M))],
      tracing => {erlang:trace_info(new, flags), erlang:trace_info(on_load, traced), sessions()},
      %% Nobody can ask whether it is on, but if it is, our own thread's counters move.
      msacc => lists:sort(erlang:statistics(microstate_accounting))
          =/= lists:sort(erlang:statistics(microstate_accounting)),
      flags => {erlang:system_monitor(), erlang:system_profile(),
                erlang:statistics(scheduler_wall_time),
                [erlang:system_info(I) || I <- [multi_scheduling, schedulers_online, min_heap_size,
                                                max_heap_size]]},
      %% logger caches there, and never clears, which modules have logged.
      persistent => lists:sort([K || {K, _} <- persistent_term:get(),
                                     not is_tuple(K) orelse element(1, K) =/= logger_config]),
      links => [{M, process_info(whereis(M), [links, monitors, monitored_by])}
                || M <- [alarm_handler, lager_event, mnesia_subscr], is_pid(whereis(M))],
      applications => lists:sort(application:which_applications())}.

sessions() ->
    case erlang:function_exported(trace, session_info, 1) of
        true -> length(apply(trace, session_info, [all]));
        false -> none
    end.
