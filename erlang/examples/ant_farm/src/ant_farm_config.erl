%% The configuration of this node's colony: the application environment, and over it the environment
%% of the operating system (ANT_FARM_ANTS for `ants`), which is how one unpacked release serves many
%% differently sized nodes. A value that is not a number stops the start with its name.
-module(ant_farm_config).

-export([read/0]).
-export_type([config/0]).

-type config() :: #{jobs := pos_integer(), seed := integer(), ants := pos_integer(),
                    pause_ms := non_neg_integer(), share_ms := non_neg_integer(),
                    gossip_ms := pos_integer(), fanout := pos_integer(),
                    solutions := pos_integer() | infinity}.

-spec read() -> config().
read() ->
    maps:from_list([{Key, value(Key)}
                    || Key <- [jobs, seed, ants, pause_ms, share_ms, gossip_ms, fanout,
                               solutions]]).

value(Key) ->
    Name = "ANT_FARM_" ++ string:uppercase(atom_to_list(Key)),
    case os:getenv(Name, "") of
        "" ->
            {ok, Value} = application:get_env(ant_farm, Key),
            check(Key, Key, Value);
        Text ->
            try check(Key, Name, list_to_integer(string:trim(Text)))
            catch error:badarg -> error({bad_config, Name, Text})
            end
    end.

check(solutions, _, infinity) -> infinity;
check(seed, _, Value) when is_integer(Value) -> Value;
check(Key, _, Value)
  when is_integer(Value), Value >= 0, (Key =:= pause_ms orelse Key =:= share_ms) -> Value;
check(_, _, Value) when is_integer(Value), Value > 0 -> Value;
check(_, Name, Value) -> error({bad_config, Name, Value}).
