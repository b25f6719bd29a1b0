%% The Erlang of other Debian releases, as tests/otp provides them.
-module(muster_test_otp).

-export([root/1, erl/3]).

%% The root directory of that Debian suite, or why there is none here.
-spec root(Suite :: string()) -> {ok, file:filename()} | {skip, string()}.
root(Suite) ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    Script = filename:join(filename:dirname(Source), "../../../../tests/otp/root"),
    case string:trim(os:cmd("id -u; '" ++ Script ++ "' " ++ Suite ++ " 2>/dev/null | tail -1")) of
        "0\n/" ++ Root -> {ok, "/" ++ Root};
        Other -> {skip, "no other Erlang: " ++ Other}
    end.

%% What `erl -noinput ARGS` prints in there, until its end.
-spec erl(file:filename(), [string()], [{string(), string()}]) -> binary().
erl(Root, Args, Env) ->
    Port = open_port({spawn_executable, os:find_executable("chroot")},
                     [{args, [Root, "env", "HOME=/tmp", "erl", "-noinput" | Args]},
                      {env, [{"ROOTDIR", false}, {"BINDIR", false} | Env]},
                      exit_status, stderr_to_stdout, binary]),
    said(Port, <<>>).

said(Port, Said) ->
    receive
        {Port, {data, Bytes}} -> said(Port, <<Said/binary, Bytes/binary>>);
        {Port, {exit_status, _}} -> Said
    after 120000 -> error({no_end, Said})
    end.
