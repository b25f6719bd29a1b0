%% The single machine total weighted tardiness problem.
%%
%% N jobs wait for one machine. Job J takes P(J), should be ready at D(J), and every unit of time
%% after that costs W(J). Wanted: the order with the least cost. The problem is NP-hard in the
%% strong sense; 40 jobs are already out of reach of an exact method on one machine.
%%
%% Instances are those of Potts and Van Wassenhove (1985): processing times 1..100, weights 1..10,
%% due dates uniform between P(1-TF-RDD/2) and P(1-TF+RDD/2), where P is the sum of the processing
%% times, TF how tight and RDD how spread the due dates are. The same specification makes the same
%% instance on every node, so colonies need to exchange orders only, never instances.
-module(ant_farm_problem).

-export([new/1, id/1, size/1, jobs/1, mean_time/1, cost/2, is_order/2]).
-export_type([spec/0, problem/0, job/0, order/0, id/0]).

-type spec() :: #{seed := integer(), jobs := pos_integer(), tf => float(), rdd => float()}.
-type job() :: {Number :: pos_integer(), Time :: pos_integer(), Weight :: pos_integer(),
                Due :: non_neg_integer()}.
-type order() :: [Number :: pos_integer()].
-type id() :: {Seed :: integer(), Jobs :: pos_integer(), Tf :: float(), Rdd :: float()}.

-record(problem, {id :: id(), jobs :: tuple(), mean_time :: float()}).
-opaque problem() :: #problem{}.

-spec new(spec()) -> problem().
new(#{seed := Seed, jobs := N} = Spec) when is_integer(Seed), is_integer(N), N > 0 ->
    Tf = maps:get(tf, Spec, 0.6),
    Rdd = maps:get(rdd, Spec, 0.6),
    Rand0 = rand:seed_s(exsss, {Seed, N, 1985}),
    {Sizes, Rand1} = draw(N, fun size_and_weight/1, Rand0),
    Total = lists:sum([P || {P, _} <- Sizes]),
    Low = max(0, round(Total * (1 - Tf - Rdd / 2))),
    High = max(Low, round(Total * (1 - Tf + Rdd / 2))),
    {Dues, _} = draw(N, fun(R) -> between(Low, High, R) end, Rand1),
    Jobs = [{J, P, W, D} || {J, {P, W}, D} <- lists:zip3(lists:seq(1, N), Sizes, Dues)],
    #problem{id = {Seed, N, Tf, Rdd}, jobs = list_to_tuple(Jobs), mean_time = Total / N}.

-spec id(problem()) -> id().
id(#problem{id = Id}) -> Id.

-spec size(problem()) -> pos_integer().
size(#problem{jobs = Jobs}) -> tuple_size(Jobs).

-spec jobs(problem()) -> [job()].
jobs(#problem{jobs = Jobs}) -> tuple_to_list(Jobs).

-spec mean_time(problem()) -> float().
mean_time(#problem{mean_time = Mean}) -> Mean.

%% What this order costs. The order must satisfy is_order/2.
-spec cost(order(), problem()) -> non_neg_integer().
cost(Order, #problem{jobs = Jobs}) -> cost(Order, Jobs, 0, 0).

cost([J | Order], Jobs, Clock, Cost) ->
    {_, P, W, D} = element(J, Jobs),
    Done = Clock + P,
    cost(Order, Jobs, Done, Cost + W * max(0, Done - D));
cost([], _, _, Cost) ->
    Cost.

%% Orders arrive from other nodes, which may run anything.
-spec is_order(term(), problem()) -> boolean().
is_order(Order, #problem{jobs = Jobs}) when length(Order) =:= tuple_size(Jobs) ->
    lists:sort(Order) =:= lists:seq(1, tuple_size(Jobs));
is_order(_, _) ->
    false.

size_and_weight(Rand0) ->
    {P, Rand1} = between(1, 100, Rand0),
    {W, Rand2} = between(1, 10, Rand1),
    {{P, W}, Rand2}.

between(Low, High, Rand0) ->
    {X, Rand} = rand:uniform_s(High - Low + 1, Rand0),
    {Low + X - 1, Rand}.

draw(N, Fun, Rand) -> lists:mapfoldl(fun(_, R) -> Fun(R) end, Rand, lists:seq(1, N)).
