%% The process group `ant_farm`, through which colonies find each other, and this node's colony.
-module(ant_farm_sup).
-behaviour(supervisor).

-export([start_link/0, init/1]).

-spec start_link() -> supervisor:startlink_ret().
start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    {ok, {#{strategy => rest_for_one, intensity => 3, period => 10},
          [#{id => group, start => {pg, start_link, [ant_farm]}},
           #{id => colony, start => {ant_farm_colony, start_link, [ant_farm_config:read()]}}]}}.
