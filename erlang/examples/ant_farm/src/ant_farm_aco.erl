%% One ant colony: plain code, no process, no clock, no messages.
%%
%% A max-min ant system for ant_farm_problem with two kinds of ants.
%% A scout builds a whole order from the front. Which job comes next is drawn in proportion to
%% Trail * Urgency, or, with probability `greedy`, is the one with the greatest product. Urgency is
%% the apparent tardiness cost rule (Vepsalainen and Morton, 1987): W/P * exp(-slack / scale).
%% A worker borrows the best known order, opens up to `reopen` places of it anywhere, and draws
%% which of the loose jobs goes where in proportion to the trails alone (Tsutsui, 2006). Workers are
%% cheap and find most improvements; scouts keep the colony from sticking to one region.
%% A trail stands for "this job at this place"; an ant reads the sum over all places up to the
%% present one (Merkle and Middendorf, 2000), so a job that missed its place is still drawn soon
%% after. After each iteration the trails evaporate and the best known order is reinforced; it may
%% have come from another colony through offer/2. When nothing has improved for `patience`
%% iterations the trails are forgotten, the best order is kept.
%%
%% Work: a worker costs about one step per job, a scout jobs / 2 times that, trails jobs^2 per
%% iteration (0.3 ms with 60 jobs and 10 ants). Memory: two floats per pair of jobs.
-module(ant_farm_aco).

-export([new/3, iterate/1, offer/2, best/1, solutions/1]).
-export_type([colony/0, options/0, solution/0]).

-type options() :: #{ants => pos_integer(), scouts => float(), reopen => pos_integer(),
                     greedy => float(), urgency => float(), evaporation => float(),
                     patience => pos_integer()}.
-type solution() :: {Cost :: non_neg_integer(), ant_farm_problem:order()}.

-record(colony, {problem :: ant_farm_problem:problem(),
                 options :: options(),
                 rand :: rand:state(),
                 trails :: [[float()]],
                 best :: undefined | solution(),
                 stale = 0 :: non_neg_integer(),
                 solutions = 0 :: non_neg_integer()}).
-opaque colony() :: #colony{}.

%% What every ant of one iteration sees: the trails summed from the front, one tuple per place; the
%% jobs; the best known order as [{Clock, Job}]; the scale of urgency.
-record(view, {sums :: [tuple()],
               jobs :: [ant_farm_problem:job()],
               best :: undefined | solution(),
               steps :: [{non_neg_integer(), ant_farm_problem:job()}],
               scale :: float(),
               options :: options()}).

-define(DEFAULTS, #{ants => 10, scouts => 0.05, reopen => 5, greedy => 0.9, urgency => 2.0,
                    evaporation => 0.1, patience => 500}).
-define(LEAST_TRAIL, 0.1).
-define(MOST_TRAIL, 1.0).

-spec new(ant_farm_problem:problem(), options(), Seed :: integer()) -> colony().
new(Problem, Options, Seed) ->
    #colony{problem = Problem,
            options = maps:merge(?DEFAULTS, Options),
            rand = rand:seed_s(exsss, {Seed, 2000, 1987}),
            trails = fresh_trails(Problem)}.

%% Sends the ants out once.
-spec iterate(colony()) -> {improved | same, colony()}.
iterate(#colony{options = #{ants := Ants}} = Colony0) ->
    {Found, Rand} = send_ants(Ants, view(Colony0), Colony0#colony.rand, undefined),
    {Outcome, Colony} = keep(Found, Colony0),
    {Outcome, learn(Colony#colony{rand = Rand,
                                  stale = Colony#colony.stale + 1,
                                  solutions = Colony#colony.solutions + Ants})}.

%% Another colony's best. Worse ones and nonsense are ignored.
-spec offer(term(), colony()) -> {improved | same, colony()}.
offer(Order, #colony{problem = Problem} = Colony) ->
    case ant_farm_problem:is_order(Order, Problem) of
        true -> keep({ant_farm_problem:cost(Order, Problem), Order}, Colony);
        false -> {same, Colony}
    end.

-spec best(colony()) -> undefined | solution().
best(#colony{best = Best}) -> Best.

-spec solutions(colony()) -> non_neg_integer().
solutions(#colony{solutions = N}) -> N.

keep(Solution, #colony{best = Best} = Colony) ->
    case better(Solution, Best) of
        Best -> {same, Colony};
        Solution -> {improved, Colony#colony{best = Solution, stale = 0}}
    end.

better(Solution, undefined) -> Solution;
better({Cost, _} = Solution, {Known, _}) when Cost < Known -> Solution;
better(_, Best) -> Best.

%%% Ants

view(#colony{problem = Problem, trails = Trails, best = Best, options = Options}) ->
    Jobs = ant_farm_problem:jobs(Problem),
    #view{sums = prefix_sums(Trails),
          jobs = Jobs,
          best = Best,
          steps = steps(Best, list_to_tuple(Jobs)),
          scale = maps:get(urgency, Options) * ant_farm_problem:mean_time(Problem),
          options = Options}.

steps(undefined, _) ->
    [];
steps({_, Order}, Jobs) ->
    {Steps, _} = lists:mapfoldl(fun(J, Clock) ->
                                        {_, P, _, _} = Job = element(J, Jobs),
                                        {{Clock, Job}, Clock + P}
                                end, 0, Order),
    Steps.

send_ants(0, _, Rand, Found) ->
    {Found, Rand};
send_ants(N, #view{best = Best, options = #{scouts := Scouts}} = View, Rand0, Found) ->
    {Draw, Rand1} = rand:uniform_s(Rand0),
    {Solution, Rand} =
        case Best =:= undefined orelse Draw < Scouts of
            true -> scout(View#view.sums, View#view.jobs, 0, View, Rand1, 0, []);
            false -> worker(View, Rand1)
        end,
    send_ants(N - 1, View, Rand, better(Solution, Found)).

scout(_, [], _, _, Rand, Cost, Order) ->
    {{Cost, lists:reverse(Order)}, Rand};
scout([Row | Sums], Waiting, Clock, #view{options = #{greedy := Greedy}} = View, Rand0, Cost,
      Order) ->
    Weighted = [{element(J, Row) * urgency(Job, Clock, View#view.scale), Job}
                || {J, _, _, _} = Job <- Waiting],
    {Draw, Rand1} = rand:uniform_s(Rand0),
    {{J, P, W, D} = Job, Rand} =
        case Draw < Greedy of
            true -> {element(2, lists:max(Weighted)), Rand1};
            false -> roulette(Weighted, Rand1)
        end,
    Done = Clock + P,
    scout(Sums, lists:delete(Job, Waiting), Done, View, Rand, Cost + late(Done, W, D), [J | Order]).

urgency({_, P, W, D}, Clock, Scale) when D - P > Clock ->
    W / P * math:exp((Clock + P - D) / Scale);
urgency({_, P, W, _}, _, _) ->
    W / P.

worker(#view{best = {Cost, Order}, steps = Steps, options = #{reopen := Reopen}} = View, Rand0) ->
    {Count, Rand1} = rand:uniform_s(max(1, Reopen - 1), Rand0),
    {[First | _] = Open, Rand2} = draw_places(Count + 1, length(Order), [], Rand1),
    {Front, _} = lists:split(First - 1, Order),
    Steps1 = lists:nthtail(First - 1, Steps),
    Sums1 = lists:nthtail(First - 1, View#view.sums),
    [{Clock, _} | _] = Steps1,
    Loose = loose(Steps1, First, Open),
    {Change, Middle, Rand} = refill(Sums1, Steps1, First, Open, Loose, Clock, Rand2, 0, []),
    {{Cost + Change, Front ++ Middle}, Rand}.

draw_places(0, _, Places, Rand) ->
    {lists:usort(Places), Rand};
draw_places(Count, N, Places, Rand0) ->
    {Place, Rand} = rand:uniform_s(N, Rand0),
    draw_places(Count - 1, N, [Place | Places], Rand).

loose([{_, Job} | Steps], Place, [Place | Open]) -> [Job | loose(Steps, Place + 1, Open)];
loose([_ | Steps], Place, Open) when Open =/= [] -> loose(Steps, Place + 1, Open);
loose(_, _, []) -> [].

%% Walks from the first open place to the last one; behind it nothing changes, because the same jobs
%% are done at the same time. Returns the difference in cost.
refill(_, Steps, _, [], [], _, Rand, Change, Done) ->
    {Change, lists:reverse(Done, [J || {_, {J, _, _, _}} <- Steps]), Rand};
refill([Row | Sums], [{Was, {_, OldP, OldW, OldD}} | Steps], Place, [Place | Open], Loose, Clock,
       Rand0, Change, Done) ->
    {{J, P, W, D} = Job, Rand} =
        roulette([{element(J, Row), Job} || {J, _, _, _} = Job <- Loose], Rand0),
    refill(Sums, Steps, Place + 1, Open, lists:delete(Job, Loose), Clock + P, Rand,
           Change + late(Clock + P, W, D) - late(Was + OldP, OldW, OldD), [J | Done]);
refill([_ | Sums], [{Was, {J, P, W, D}} | Steps], Place, Open, Loose, Clock, Rand, Change, Done) ->
    refill(Sums, Steps, Place + 1, Open, Loose, Clock + P, Rand,
           Change + late(Clock + P, W, D) - late(Was + P, W, D), [J | Done]).

roulette([{_, Job}], Rand) ->
    {Job, Rand};
roulette(Weighted, Rand0) ->
    {Draw, Rand} = rand:uniform_s(Rand0),
    {spin(Weighted, Draw * lists:sum([Weight || {Weight, _} <- Weighted])), Rand}.

spin([{_, Job}], _) -> Job;
spin([{Weight, Job} | _], Left) when Left < Weight -> Job;
spin([{Weight, _} | Weighted], Left) -> spin(Weighted, Left - Weight).

late(Done, W, D) when Done > D -> W * (Done - D);
late(_, _, _) -> 0.

%%% Trails: one list per place, one number per job

fresh_trails(Problem) ->
    N = ant_farm_problem:size(Problem),
    lists:duplicate(N, lists:duplicate(N, ?MOST_TRAIL)).

learn(#colony{problem = Problem, stale = Stale, options = #{patience := Patience}} = Colony)
  when Stale >= Patience ->
    Colony#colony{stale = 0, trails = fresh_trails(Problem)};
learn(#colony{best = {_, Order}, trails = Trails, options = #{evaporation := Rho}} = Colony) ->
    Colony#colony{trails = reinforce(Order, Trails, Rho)}.

reinforce([J | Order], [Row | Trails], Rho) ->
    [reinforce_row(Row, 1, J, Rho) | reinforce(Order, Trails, Rho)];
reinforce([], [], _) ->
    [].

reinforce_row([T | Row], J, J, Rho) ->
    [T * (1 - Rho) + Rho * ?MOST_TRAIL | reinforce_row(Row, J + 1, J, Rho)];
reinforce_row([T | Row], I, J, Rho) ->
    [max(?LEAST_TRAIL, T * (1 - Rho)) | reinforce_row(Row, I + 1, J, Rho)];
reinforce_row([], _, _, _) ->
    [].

prefix_sums([First | Trails]) -> [list_to_tuple(First) | prefix_sums(First, Trails)].

prefix_sums(Above, [Row | Trails]) ->
    Sum = add(Above, Row),
    [list_to_tuple(Sum) | prefix_sums(Sum, Trails)];
prefix_sums(_, []) ->
    [].

add([A | As], [B | Bs]) -> [A + B | add(As, Bs)];
add([], []) -> [].
