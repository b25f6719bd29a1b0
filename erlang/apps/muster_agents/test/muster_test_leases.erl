%% A node and a "daemon" (a hidden node) with the agent "metrics": a case takes leases one by one, asks for the
%% next sample, changes settings and releases. The suites import from here. They run their cases with each of
%% its beams: that for OTP 25 and later, and that for older ones.
-module(muster_test_leases).
-include_lib("common_test/include/ct.hrl").

-export([all/0, groups/1, init_per_group/2, init_per_testcase/1, end_per_testcase/1, lease_from/2,
         try_lease/2, load_from/1, beam/1, ask_holder/2, same_as_before/1, same_as_alone/1]).
%% Called on the peers.
-export([load/2, lease/3, agent_of/1, agent_of/2]).

-spec all() -> [{group, atom()}].
all() -> [{group, Group} || {Group, _} <- beams()].

%% The groups of all/0, each with these cases.
-spec groups([atom() | {group, atom()}]) -> [{atom(), [], [atom() | {group, atom()}]}].
groups(Cases) -> [{Group, [], Cases} || {Group, _} <- beams()].

%% For all groups of a suite: those of all/0 choose the beam.
-spec init_per_group(atom(), ct_suite:ct_config()) -> ct_suite:ct_config().
init_per_group(Group, Config) ->
    case lists:keyfind(Group, 1, beams()) of
        {_, First} ->
            Beam = muster_test_agents:beam("metrics", ?config(agents, Config)),
            [{agent, Beam(First)} | Config];
        false ->
            Config
    end.

%% The group, and the first release that its beam is for.
beams() -> [{otp25, "25"}, {otp22, "22"}].

-spec init_per_testcase(ct_suite:ct_config()) -> ct_suite:ct_config().
init_per_testcase(Config) ->
    Managed = muster_test_nodes:start("managed", []),
    Daemon = muster_test_nodes:start("daemon", ["-hidden"]),
    Alone = muster_test_agents:look_alone(Managed, Daemon),
    muster_test_agents:connect(Daemon, Managed),
    [{managed, Managed}, {daemon, Daemon}, {module, maps:get(module, ?config(agent, Config))},
     {alone, Alone}, {connected, muster_test_agents:look(Managed)} | Config].

-spec end_per_testcase(ct_suite:ct_config()) -> ok.
end_per_testcase(Config) ->
    [muster_test_nodes:stop(?config(Key, Config)) || Key <- [managed, daemon]],
    ok.

-spec lease_from(ct_suite:ct_config(), pos_integer() | map()) -> {Agent :: pid(), Next :: fun(() -> map())}.
lease_from(Config, Interval) ->
    {{ok, Agent}, Next} = try_lease(Config, Interval),
    {Agent, Next}.

%% The version is asked first, as the daemon does.
-spec try_lease(ct_suite:ct_config(), pos_integer() | map()) ->
          {{ok, Agent :: pid()} | {error, term()}, Next :: fun(() -> map())}.
try_lease(Config, Interval) ->
    #{managed := Managed, daemon := Daemon, module := Module} = maps:from_list(Config),
    case peer:call(Managed, erlang, module_loaded, [Module]) of
        true -> ok;
        false -> ok = load_from(Config)
    end,
    {Result, Holder} =
        peer:call(Daemon, ?MODULE, lease, [muster_test_nodes:name(Managed), Module, Interval]),
    {Result, fun() ->
                     #{} = peer:call(Daemon, ?MODULE, agent_of, [{next, 10000}, [Holder]], 20000)
             end}.

-spec load_from(ct_suite:ct_config()) -> ok | {error, term()}.
load_from(Config) ->
    peer:call(?config(daemon, Config), ?MODULE, load,
              [muster_test_nodes:name(?config(managed, Config)), beam(Config)]).

-spec beam(ct_suite:ct_config()) -> {module(), file:filename(), binary()}.
beam(Config) ->
    #{module := Module, file := File, path := Path} = ?config(agent, Config),
    {ok, Beam} = file:read_file(Path),
    {Module, File, Beam}.

%% Asks one of those who hold leases for this daemon; release goes to all of them.
-spec ask_holder(ct_suite:ct_config(), Request) -> term() when
      Request :: {next, Milliseconds :: pos_integer()} | {settings, Agent :: pid(), map()} | taken | release.
ask_holder(Config, What) -> peer:call(?config(daemon, Config), ?MODULE, agent_of, [What]).

%% The node looks as before the agent came, with the daemon connected or alone.
-spec same_as_before(ct_suite:ct_config()) -> ok.
same_as_before(Config) -> muster_test_agents:same(?config(managed, Config), ?config(connected, Config), []).

-spec same_as_alone(ct_suite:ct_config()) -> ok.
same_as_alone(Config) -> muster_test_agents:same(?config(managed, Config), ?config(alone, Config), []).

%%% On the peers

%% Not code:load_binary: that one kills whoever runs old code of the module.
load(Managed, {Module, File, Beam}) ->
    case erpc:call(Managed, code, atomic_load, [[{Module, File, Beam}]]) of
        ok -> ok;
        {error, [{Module, Reason}]} -> {error, Reason}
    end.

%% A process that holds a lease and keeps what it gets for the test to fetch.
lease(Managed, Module, Interval) ->
    Caller = self(),
    Holder = spawn(fun() ->
                           Lease = (options(Interval))#{pid => self()},
                           Result = erpc:call(Managed, Module, start, [Lease]),
                           Caller ! {self(), Result},
                           hold(Result)
                   end),
    receive {Holder, Result} -> {Result, Holder} after 30000 -> error(no_answer) end.

options(#{} = Options) -> Options;
options(Interval) -> #{interval_ms => Interval}.

hold({ok, Agent} = Result) ->
    receive
        {taken, From, Ref} ->
            receive {muster_agent_taken, metrics, Agent, By} -> From ! {Ref, By} end,
            hold(Result);
        {{next, Limit}, From, Ref} ->
            receive {muster_agent, metrics, Agent, Sample} -> From ! {Ref, Sample}
            after Limit -> From ! {Ref, nothing} end,
            hold(Result);
        {{settings, Agent, Map}, From, Ref} ->
            Agent ! {muster_agent_settings, self(), Map},
            From ! {Ref, ok},
            hold(Result);
        {release, From, Ref} ->
            Agent ! {muster_agent_release, self()},
            From ! {Ref, ok},
            hold(Result)
    end;
hold({error, _}) ->
    ok.

agent_of(What) -> agent_of(What, [P || P <- processes(), is_holder(P)]).

agent_of(What, [Holder | Others]) ->
    Ref = make_ref(),
    Holder ! {What, self(), Ref},
    Reply = receive {Ref, R} -> R after 30000 -> error(no_answer) end,
    case What of
        release when Others =/= [] -> agent_of(What, Others);
        _ -> Reply
    end.

is_holder(P) ->
    case process_info(P, current_function) of
        {current_function, {?MODULE, hold, 1}} -> true;
        _ -> false
    end.
