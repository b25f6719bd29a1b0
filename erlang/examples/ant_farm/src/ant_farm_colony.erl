%% The colony of this node: works, tells others of its best order, listens to theirs.
%%
%% Colonies meet in the process group {colony, ProblemId} of scope `ant_farm`; it spans the visible
%% nodes that are connected, so whoever connects two nodes connects their colonies, and a hidden node
%% that only watches is never written to. News travel as gossip: an improvement, own or heard, is
%% told to `fanout` others chosen at random, at most once per `share_ms`; besides, everybody tells
%% one other every `gossip_ms`, which mends what was lost or came too late. A message is one order,
%% so its cost does not grow with the farm. Sending never makes or waits for a connection.
-module(ant_farm_colony).
-behaviour(gen_server).

-export([start_link/1, best/0, status/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2]).

-record(state, {config :: ant_farm_config:config(),
                problem :: ant_farm_problem:problem(),
                colony :: ant_farm_aco:colony(),
                share = none :: none | reference(),
                heard = 0 :: non_neg_integer(),
                adopted = 0 :: non_neg_integer()}).

-spec start_link(ant_farm_config:config()) -> gen_server:start_ret().
start_link(Config) -> gen_server:start_link({local, ?MODULE}, ?MODULE, Config, []).

-spec best() -> undefined | #{cost := non_neg_integer(), order := ant_farm_problem:order()}.
best() -> gen_server:call(?MODULE, best, 30000).

-spec status() -> #{atom() => term()}.
status() -> gen_server:call(?MODULE, status, 30000).

-spec init(ant_farm_config:config()) -> {ok, #state{}}.
init(#{jobs := Jobs, seed := Seed, ants := Ants} = Config) ->
    Problem = ant_farm_problem:new(#{seed => Seed, jobs => Jobs}),
    ok = pg:join(ant_farm, group(Problem), self()),
    self() ! work,
    {ok, gossip_later(#state{config = Config,
                             problem = Problem,
                             colony = ant_farm_aco:new(Problem, #{ants => Ants},
                                                       erlang:phash2({Seed, node()}))})}.

-spec handle_call(best | status, gen_server:from(), #state{}) -> {reply, term(), #state{}}.
handle_call(best, _From, #state{colony = Colony} = State) ->
    Reply = case ant_farm_aco:best(Colony) of
                undefined -> undefined;
                {Cost, Order} -> #{cost => Cost, order => Order}
            end,
    {reply, Reply, State};
handle_call(status, _From, #state{config = Config, problem = Problem, colony = Colony} = State) ->
    Cost = case ant_farm_aco:best(Colony) of
               undefined -> undefined;
               {Best, _} -> Best
           end,
    {reply, #{node => node(),
              state => case is_done(State) of true -> done; false -> working end,
              cost => Cost,
              solutions => ant_farm_aco:solutions(Colony),
              heard => State#state.heard,
              adopted => State#state.adopted,
              others => length(others(Problem)),
              config => Config}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) -> {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}} | {noreply, #state{}, hibernate}.
handle_info(work, #state{colony = Colony0} = State0) ->
    case is_done(State0) of
        true ->
            {noreply, State0, hibernate};
        false ->
            {Outcome, Colony} = ant_farm_aco:iterate(Colony0),
            rest(news(Outcome, State0#state{colony = Colony}))
    end;
handle_info({ant_farm_best, Id, Cost, Order}, #state{problem = Problem} = State0) ->
    State = State0#state{heard = State0#state.heard + 1},
    case Id =:= ant_farm_problem:id(Problem) andalso is_better(Cost, State) of
        true ->
            {Outcome, Colony} = ant_farm_aco:offer(Order, State#state.colony),
            Adopted = State#state.adopted + case Outcome of improved -> 1; same -> 0 end,
            {noreply, news(Outcome, State#state{colony = Colony, adopted = Adopted})};
        false ->
            {noreply, State}
    end;
handle_info(share, #state{config = #{fanout := Fanout}} = State) ->
    tell(Fanout, State),
    {noreply, State#state{share = none}};
handle_info(gossip, State) ->
    tell(1, State),
    {noreply, gossip_later(State)};
handle_info(_, State) ->
    {noreply, State}.

rest(#state{config = #{pause_ms := 0}} = State) ->
    self() ! work,
    {noreply, State};
rest(#state{config = #{pause_ms := Pause}} = State) ->
    _ = erlang:send_after(Pause, self(), work),
    case Pause >= 1000 of
        true -> {noreply, State, hibernate};
        false -> {noreply, State}
    end.

is_done(#state{config = #{solutions := Most}, colony = Colony}) ->
    ant_farm_aco:solutions(Colony) >= Most.

is_better(Cost, #state{colony = Colony}) ->
    case ant_farm_aco:best(Colony) of
        undefined -> true;
        {Known, _} -> Cost < Known
    end.

news(improved, #state{share = none, config = #{share_ms := Delay}} = State) ->
    State#state{share = erlang:send_after(Delay, self(), share)};
news(_, State) ->
    State.

gossip_later(#state{config = #{gossip_ms := Period}} = State) ->
    _ = erlang:send_after(Period div 2 + rand:uniform(Period), self(), gossip),
    State.

tell(Count, #state{problem = Problem, colony = Colony}) ->
    case ant_farm_aco:best(Colony) of
        undefined ->
            ok;
        {Cost, Order} ->
            News = {ant_farm_best, ant_farm_problem:id(Problem), Cost, Order},
            Shuffled = lists:sort([{rand:uniform(), Pid} || Pid <- others(Problem)]),
            lists:foreach(fun({_, Pid}) -> erlang:send(Pid, News, [noconnect, nosuspend]) end,
                          lists:sublist(Shuffled, Count))
    end.

others(Problem) ->
    pg:get_members(ant_farm, group(Problem)) -- pg:get_local_members(ant_farm, group(Problem)).

group(Problem) -> {colony, ant_farm_problem:id(Problem)}.
