%% A node that is alone with one "daemon" and, once a case calls guest/1, one agent (muster_test_agents).
%% The suites import from here.
-module(muster_test_guest).
-include_lib("common_test/include/ct.hrl").

-export([init_per_testcase/3, end_per_testcase/1, guest/1, call/4, call/5, back_to_normal/2,
         back_to_normal/3, until_said/1]).

%% Of the agent of this name; Args are further arguments of the node.
-spec init_per_testcase(string(), [string()], ct_suite:ct_config()) -> ct_suite:ct_config().
init_per_testcase(Name, Args, Config) ->
    Managed = muster_test_nodes:start("managed", Args),
    Daemon = muster_test_nodes:start("daemon", ["-hidden"]),
    {ok, _} = peer:call(Managed, application, ensure_all_started, [sasl]),
    ok = peer:call(Managed, logger, set_primary_config, [level, notice]),
    ok = peer:call(Managed, logger, remove_handler, [default]),
    _ = muster_test_agents:look(Managed),
    Alone = muster_test_agents:look(Managed),
    muster_test_agents:connect(Daemon, Managed),
    Agent = (muster_test_agents:beam(Name, ?config(agents, Config)))("25"),
    [{managed, Managed}, {daemon, Daemon}, {agent, Agent}, {alone, Alone},
     {before, muster_test_agents:look(Managed)} | Config].

-spec end_per_testcase(ct_suite:ct_config()) -> ok.
end_per_testcase(Config) ->
    [muster_test_nodes:stop(?config(Key, Config)) || Key <- [managed, daemon]],
    ok.

-spec guest(ct_suite:ct_config()) -> muster_test_agents:guest().
guest(Config) ->
    muster_test_agents:guest(?config(daemon, Config), ?config(managed, Config), ?config(agent, Config),
                             60000).

-spec call(ct_suite:ct_config(), module(), atom(), [term()]) -> term().
call(Config, M, F, A) -> call(Config, M, F, A, 10000).

-spec call(ct_suite:ct_config(), module(), atom(), [term()], pos_integer()) -> term().
call(Config, M, F, A, Limit) -> peer:call(?config(managed, Config), M, F, A, Limit).

-spec back_to_normal(muster_test_agents:guest(), ct_suite:ct_config()) -> ok.
back_to_normal(Guest, Config) ->
    ok = muster_test_agents:release(Guest),
    muster_test_agents:same(?config(managed, Config), ?config(before, Config), []).

-spec back_to_normal(muster_test_agents:guest(), muster_test_agents:guest(), ct_suite:ct_config()) -> ok.
back_to_normal(Guest, Other, Config) ->
    ok = muster_test_agents:release(Other),
    back_to_normal(Guest, Config).

-spec until_said(muster_test_agents:guest()) -> [map()].
until_said(Guest) ->
    muster_test_nodes:until(true, fun() -> muster_test_agents:said(Guest) =/= [] end),
    muster_test_agents:said(Guest).
