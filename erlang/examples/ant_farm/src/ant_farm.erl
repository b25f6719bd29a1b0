%% What a shell asks a node of the farm.
-module(ant_farm).

-export([best/0, status/0]).

%% The best order of jobs this node knows, and what it costs.
-spec best() -> undefined | #{cost := non_neg_integer(), order := ant_farm_problem:order()}.
best() -> ant_farm_colony:best().

%% What this node's colony has done: best cost, solutions tried, orders heard from others and
%% adopted, how many other colonies it sees, its configuration.
-spec status() -> #{atom() => term()}.
status() -> ant_farm_colony:status().
