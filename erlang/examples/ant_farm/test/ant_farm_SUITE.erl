-module(ant_farm_SUITE).
-include_lib("stdlib/include/assert.hrl").

-export([all/0, end_per_testcase/2]).
-export([the_same_specification_is_the_same_problem/1, cost_is_total_weighted_tardiness/1,
         only_permutations_are_orders/1, a_colony_improves_and_knows_its_cost/1,
         an_offer_is_checked_before_it_is_adopted/1, the_smallest_farm_works/1,
         environment_overrides_configuration/1, nonsense_in_the_environment_is_named/1,
         stops_cleanly/1, connected_colonies_beat_isolated_ones/1]).

-spec all() -> [atom()].
all() -> [F || {F, 1} <- ?MODULE:module_info(exports), F =/= module_info].

end_per_testcase(_, _) ->
    _ = application:stop(ant_farm),
    _ = application:unload(ant_farm),
    [os:unsetenv(Name) || "ANT_FARM_" ++ _ = Name <- [N || {N, _} <- os:env()]],
    ok.

the_same_specification_is_the_same_problem(_) ->
    Spec = #{seed => 7, jobs => 40},
    ?assertEqual(ant_farm_problem:new(Spec), ant_farm_problem:new(Spec)),
    ?assertNotEqual(ant_farm_problem:new(Spec), ant_farm_problem:new(Spec#{seed => 8})),
    Jobs = ant_farm_problem:jobs(ant_farm_problem:new(Spec)),
    ?assertEqual([], [Job || {_, P, W, D} = Job <- Jobs,
                             P < 1 orelse P > 100 orelse W < 1 orelse W > 10 orelse D < 0]).

cost_is_total_weighted_tardiness(_) ->
    Problem = ant_farm_problem:new(#{seed => 3, jobs => 20}),
    Order = lists:reverse(lists:seq(1, 20)),
    {_, Expected} =
        lists:foldl(fun(J, {Clock, Sum}) ->
                            {J, P, W, D} = lists:nth(J, ant_farm_problem:jobs(Problem)),
                            {Clock + P, Sum + W * max(0, Clock + P - D)}
                    end, {0, 0}, Order),
    ?assertEqual(Expected, ant_farm_problem:cost(Order, Problem)).

only_permutations_are_orders(_) ->
    Problem = ant_farm_problem:new(#{seed => 3, jobs => 4}),
    ?assert(ant_farm_problem:is_order([4, 2, 1, 3], Problem)),
    [?assertNot(ant_farm_problem:is_order(Bad, Problem))
     || Bad <- [[1, 2, 3], [1, 2, 3, 3], [1, 2, 3, 5], [1, 2, 3 | 4], nonsense, <<1, 2, 3, 4>>]].

a_colony_improves_and_knows_its_cost(_) ->
    Problem = ant_farm_problem:new(#{seed => 5, jobs => 30}),
    First = iterate(1, ant_farm_aco:new(Problem, #{}, 1)),
    Last = iterate(300, First),
    {FirstCost, _} = ant_farm_aco:best(First),
    {Cost, Order} = ant_farm_aco:best(Last),
    ?assert(Cost < FirstCost),
    ?assert(ant_farm_problem:is_order(Order, Problem)),
    ?assertEqual(ant_farm_problem:cost(Order, Problem), Cost),
    ?assertEqual(3010, ant_farm_aco:solutions(Last)).

an_offer_is_checked_before_it_is_adopted(_) ->
    Problem = ant_farm_problem:new(#{seed => 5, jobs => 30}),
    {_, Good} = ant_farm_aco:best(iterate(200, ant_farm_aco:new(Problem, #{}, 1))),
    Colony = iterate(1, ant_farm_aco:new(Problem, #{}, 2)),
    [?assertMatch({same, Colony}, ant_farm_aco:offer(Bad, Colony)) || Bad <- [[], tl(Good), x]],
    {improved, Better} = ant_farm_aco:offer(Good, Colony),
    ?assertEqual({ant_farm_problem:cost(Good, Problem), Good}, ant_farm_aco:best(Better)),
    ?assertMatch({same, Better}, ant_farm_aco:offer(Good, Better)).

the_smallest_farm_works(_) ->
    Problem = ant_farm_problem:new(#{seed => 1, jobs => 1}),
    {_, Order} = ant_farm_aco:best(iterate(20, ant_farm_aco:new(Problem, #{ants => 1}, 1))),
    ?assertEqual([1], Order).

environment_overrides_configuration(_) ->
    ok = application:load(ant_farm),
    os:putenv("ANT_FARM_ANTS", "1"),
    os:putenv("ANT_FARM_PAUSE_MS", "60000"),
    ok = application:start(ant_farm),
    ?assertMatch(#{config := #{ants := 1, pause_ms := 60000, jobs := 60}}, ant_farm:status()),
    ?assertMatch(#{cost := _, order := _}, ant_farm:best()).

nonsense_in_the_environment_is_named(_) ->
    ok = application:load(ant_farm),
    os:putenv("ANT_FARM_ANTS", "many"),
    ?assertError({bad_config, "ANT_FARM_ANTS", "many"}, ant_farm_config:read()),
    os:putenv("ANT_FARM_ANTS", "0"),
    ?assertError({bad_config, "ANT_FARM_ANTS", 0}, ant_farm_config:read()).

stops_cleanly(_) ->
    Before = registered(),
    ok = application:start(ant_farm),
    ok = application:stop(ant_farm),
    ?assertEqual([], registered() -- Before).

connected_colonies_beat_isolated_ones(_) ->
    Rounds = ant_farm_contest:play(lists:seq(1, 9)),
    ct:pal("~p", [Rounds]),
    Ratios = [C / I || #{connected := C, isolated := I} <- Rounds],
    ?assert(ant_farm_contest:median(Ratios) < 1).

iterate(0, Colony) ->
    Colony;
iterate(N, Colony0) ->
    {_, Colony} = ant_farm_aco:iterate(Colony0),
    iterate(N - 1, Colony).
