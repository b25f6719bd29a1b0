%% JSON as this repository's own data files have it, to maps with binary keys: OTP has a module for it
%% only from 27 on.
-module(muster_test_json).

-export([decode/1]).

-spec decode(binary()) -> term().
decode(Text) ->
    {Value, Rest} = value(skip(Text)),
    <<>> = skip(Rest),
    Value.

value(<<${, Rest/binary>>) -> object(skip(Rest), #{});
value(<<$[, Rest/binary>>) -> array(skip(Rest), []);
value(<<$", Rest/binary>>) -> string(Rest, <<>>);
value(<<"true", Rest/binary>>) -> {true, Rest};
value(<<"false", Rest/binary>>) -> {false, Rest};
value(<<"null", Rest/binary>>) -> {null, Rest};
value(Text) ->
    {match, [{0, Size}]} = re:run(Text, "^-?[0-9]+(\\.[0-9]+)?([eE][-+]?[0-9]+)?", [{capture, first}]),
    <<Number:Size/binary, Rest/binary>> = Text,
    {number(Number), Rest}.

number(Text) ->
    try binary_to_integer(Text)
    catch error:badarg ->
            try binary_to_float(Text)
            catch error:badarg ->
                    [Whole, Exponent] = re:split(Text, "[eE]"),
                    binary_to_float(<<Whole/binary, ".0e", Exponent/binary>>)
            end
    end.

object(<<$}, Rest/binary>>, Map) -> {Map, Rest};
object(<<$,, Rest/binary>>, Map) -> object(skip(Rest), Map);
object(<<$", Rest/binary>>, Map) ->
    {Key, More} = string(Rest, <<>>),
    <<$:, After/binary>> = skip(More),
    {Value, Last} = value(skip(After)),
    object(skip(Last), Map#{Key => Value}).

array(<<$], Rest/binary>>, List) -> {lists:reverse(List), Rest};
array(<<$,, Rest/binary>>, List) -> array(skip(Rest), List);
array(Text, List) ->
    {Value, Rest} = value(Text),
    array(skip(Rest), [Value | List]).

string(<<$", Rest/binary>>, Said) -> {Said, Rest};
string(<<$\\, $n, Rest/binary>>, Said) -> string(Rest, <<Said/binary, $\n>>);
string(<<$\\, C, Rest/binary>>, Said) when C =:= $"; C =:= $\\; C =:= $/ ->
    string(Rest, <<Said/binary, C>>);
string(<<C, Rest/binary>>, Said) when C =/= $\\ -> string(Rest, <<Said/binary, C>>).

skip(<<C, Rest/binary>>) when C =< $\s -> skip(Rest);
skip(Rest) -> Rest.
