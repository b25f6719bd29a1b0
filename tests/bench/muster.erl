%% What rpc:call(Node, muster, echo, [Arguments]) runs on a BEAM node; the daemon has its own.
-module(muster).

-export([echo/1]).

echo(Value) -> {ok, Value}.
