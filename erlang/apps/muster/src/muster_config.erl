%% What the application environment says, with its defaults: which daemon, and how ours is started.
-module(muster_config).

-export([is_remote/0, node/0, executable/0, data_dir/0, options/0]).
-export([find_executable/1]).

%% Whether somebody else runs the daemon.
-spec is_remote() -> boolean().
is_remote() -> application:get_env(muster, node) =/= undefined.

%% The node name of the daemon. Ours is called after this node, so that every release of a host has
%% its own, and has the same host part, so that short and long names meet their like.
-spec node() -> {ok, node()} | {error, not_distributed}.
node() ->
    case {application:get_env(muster, node), application:get_env(muster, name), erlang:node()} of
        {{ok, Node}, _, _} ->
            {ok, Node};
        {undefined, _, nonode@nohost} ->
            {error, not_distributed};
        {undefined, Configured, Self} ->
            [Name, Host] = string:split(atom_to_list(Self), "@"),
            Daemon = case Configured of
                         {ok, Given} -> text(Given);
                         undefined -> "muster_" ++ Name
                     end,
            case lists:member($@, Daemon) of
                true -> {ok, list_to_atom(Daemon)};
                false -> {ok, list_to_atom(Daemon ++ "@" ++ Host)}
            end
    end.

%% The daemon's executable, or the text to say when there is none.
-spec executable() -> {ok, file:filename()} | {error, string()}.
executable() ->
    Priv = case code:priv_dir(muster) of
               {error, bad_name} -> "priv";
               Dir -> Dir
           end,
    find_executable([{"application environment {muster, executable}",
                      text(application:get_env(muster, executable, ""))},
                     {"the application's priv directory", filename:join(Priv, "muster")},
                     {"PATH", case os:find_executable("muster") of false -> ""; F -> F end}]).

%% The first place that has a program. A configured one that is not there is not passed over.
-spec find_executable([{Place :: string(), Path :: string()}]) ->
          {ok, file:filename()} | {error, string()}.
find_executable([{_, Configured}, _, _] = Places) ->
    Present = [Path || {_, Path} <- Places, Path =/= "", is_program(Path)],
    case {Configured, Present} of
        {"", [First | _]} -> {ok, First};
        {Configured, [Configured | _]} -> {ok, Configured};
        _ -> {error, not_found(Places)}
    end.

not_found(Places) ->
    lists:flatten(
      ["the daemon's executable `muster` was not found. Looked at: ",
       lists:join("; ", [[Place, " (", case Path of "" -> "nothing"; _ -> Path end, ")"]
                         || {Place, Path} <- Places]),
       ". Build it in the Muster repository (cmake --preset release -DMUSTER_TESTS=OFF && "
       "ninja -C build/release muster) and name the file, build/release/bin/muster, in "
       "{muster, [{executable, Path}]}."]).

is_program(Path) ->
    filelib:is_regular(Path) andalso os:find_executable(filename:absname(Path)) =/= false.

%% Where our daemon keeps everything, cookie file included.
-spec data_dir() -> file:filename().
data_dir() ->
    case application:get_env(muster, data_dir) of
        {ok, Dir} ->
            text(Dir);
        undefined ->
            State = case os:getenv("XDG_STATE_HOME", "") of
                        "" -> filename:join([os:getenv("HOME", "/var/tmp"), ".local", "state"]);
                        Home -> Home
                    end,
            filename:join([State, "muster", "sidecar_" ++ lists:takewhile(
                                                           fun(C) -> C =/= $@ end,
                                                           atom_to_list(erlang:node()))])
    end.

%% Further command line options of `muster serve`.
-spec options() -> [string()].
options() ->
    lists:append([["--" ++ atom_to_list(Key), text(Value)]
                  || Key <- [http, config],
                     {ok, Value} <- [application:get_env(muster, Key)]]).

text(Text) when is_binary(Text) -> unicode:characters_to_list(Text);
text(Text) when is_atom(Text) -> atom_to_list(Text);
text(Text) when is_list(Text) -> Text.
