%% What a node does that is measured: a few processes that work at random.
-module(bench_worker).

-export([start/0]).

start() ->
    Table = ets:new(work, [public]),
    [spawn_link(fun() -> rand:seed(exsss, {I, erlang:unique_integer(), os:getpid()}), work(Table) end)
     || I <- lists:seq(1, 8)],
    io:format("ready~n"),
    receive after infinity -> ok end.

work(Table) ->
    timer:sleep(rand:uniform(400)),
    Size = rand:uniform(2000),
    case rand:uniform(5) of
        1 -> ets:insert(Table, [{rand:uniform(20000), lists:seq(1, 10)} || _ <- lists:seq(1, Size)]);
        2 -> lists:sort([rand:uniform() || _ <- lists:seq(1, 4 * Size)]);
        3 -> put(kept, [binary:copy(<<"kept">>, 50 + N) || N <- lists:seq(1, Size div 4)]);
        4 -> [spawn(fun() -> timer:sleep(rand:uniform(5000)) end) || _ <- lists:seq(1, Size div 100)];
        5 -> ets:match_delete(Table, {rand:uniform(20000), '_'})
    end,
    work(Table).
