%% The BEAM side of every comparison: a server called muster whose echo does what the daemon's does.
-module(bench_peer).
-behaviour(gen_server).

-export([start/0, init/1, handle_call/3, handle_cast/2, handle_info/2]).

start() ->
    {ok, _} = gen_server:start({local, muster}, ?MODULE, [], []),
    io:format("ready~n").

init([]) -> {ok, none}.

handle_call({echo, Value}, _From, State) -> {reply, {ok, Value}, State}.

handle_cast(_, State) -> {noreply, State}.

handle_info(_, State) -> {noreply, State}.
