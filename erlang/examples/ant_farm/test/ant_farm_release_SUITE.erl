%% The release as a host runs it: built in a copy, unpacked, started and stopped by its script.
-module(ant_farm_release_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, end_per_testcase/2]).
-export([files_are_at_the_root/1, builds_are_reproducible/1, runs_as_a_daemon/1,
         runs_in_the_foreground/1, nodes_left_by_a_failed_case_are_ended/1]).

all() -> [files_are_at_the_root, builds_are_reproducible, runs_as_a_daemon,
          runs_in_the_foreground, nodes_left_by_a_failed_case_are_ended].

init_per_suite(Config) ->
    Copy = filename:join(?config(priv_dir, Config), "source"),
    Here = filename:join(filename:dirname(proplists:get_value(source,
                                                              ?MODULE:module_info(compile))), ".."),
    {0, ""} = sh("mkdir -p " ++ Copy ++ " && tar -C " ++ Here ++ " --exclude=_build -cf - . "
                 "| tar -C " ++ Copy ++ " -xf -", []),
    [{tarball, make_release(Copy, filename:join(Copy, "out"))}, {copy, Copy} | Config].

end_per_suite(_) -> ok.

%% However a case ended, a time trap included: no program of an unpacked release stays.
end_per_testcase(_, Config) ->
    _ = [os:cmd("kill -9 " ++ lists:nth(3, filename:split(Link)))
         || Link <- filelib:wildcard("/proc/[0-9]*/exe"),
            {ok, Program} <- [file:read_link(Link)],
            lists:prefix(?config(priv_dir, Config), Program)],
    ok.

files_are_at_the_root(Config) ->
    {ok, Names} = erl_tar:table(?config(tarball, Config), [compressed]),
    [?assert(lists:member(Name, Names))
     || Name <- ["bin/ant_farm", "etc/dist_ports", "releases/0.1.0/vm.args.src"]].

builds_are_reproducible(Config) ->
    Again = make_release(?config(copy, Config), filename:join(?config(copy, Config), "again")),
    ?assertEqual(file:read_file(?config(tarball, Config)), file:read_file(Again)).

%% Name and ports are as told, the cookie is in one file and on no command line, neither while the
%% node starts and stops nor while it runs; and stopping ends it.
runs_as_a_daemon(Config) ->
    Dir = unpack(Config, "daemon"),
    Port = ant_farm_contest:free_port(),
    ok = file:write_file(filename:join(Dir, "etc/dist_ports"), [Port, " ", Port, "\n"]),
    Watcher = watch_command_lines(),
    ant_farm_contest:with_epmd(
      fun() ->
              Env = [{"NODE_NAME", "daemon@127.0.0.1"}, {"RELEASE_COOKIE", "hush_hush"}],
              {0, _} = sh("bin/ant_farm daemon", options(Dir, Env)),
              try
                  ?assertMatch({match, _}, re:run(os:cmd("epmd -names"), "daemon at port " ++ Port)),
                  ?assertEqual([Dir ++ "/private/.erlang.cookie"], files_with(<<"hush_hush">>, Dir)),
                  ?assertEqual("600\n", os:cmd("stat -c %a " ++ Dir ++ "/private/.erlang.cookie")),
                  ?assertEqual([], seen(Watcher, <<"hush_hush">>))
              after
                  {Status, _} = sh("bin/ant_farm stop", options(Dir, [])),
                  ?assertEqual(0, Status)
              end,
              ?assertEqual([], seen(Watcher, <<"hush_hush">>)),
              ?assertEqual(nomatch, re:run(os:cmd("epmd -names"), "daemon at port"))
      end),
    Watcher ! stop.

runs_in_the_foreground(Config) ->
    Dir = unpack(Config, "foreground"),
    ant_farm_contest:with_epmd(
      fun() ->
              {Port, Pid} = start_foreground(Dir, "foreground"),
              {0, "pong\n"} = sh("i=0; until bin/ant_farm ping 2>/dev/null; do i=$((i + 1)); "
                                 "[ $i != 20 ] || exit 1; sleep 0.2; done | tail -1",
                                 options(Dir, [])),
              {0, Status} = sh("bin/ant_farm rpc ant_farm status", options(Dir, [])),
              ?assertNotEqual(nomatch, string:find(Status, "ants => 1,")),
              _ = os:cmd("kill " ++ integer_to_list(Pid)),
              ?assertMatch({0, _}, until_exit(Port, []))
      end).

nodes_left_by_a_failed_case_are_ended(Config) ->
    Dir = unpack(Config, "left"),
    ant_farm_contest:with_epmd(
      fun() ->
              {Port, _} = start_foreground(Dir, "left"),
              end_per_testcase(?FUNCTION_NAME, Config),
              ?assertMatch({137, _}, until_exit(Port, [])),
              ?assertEqual(nomatch, re:run(os:cmd("epmd -names"), "left at port"))
      end).

%%% Helpers

%% It ends with this emulator, should that be killed.
start_foreground(Dir, Name) ->
    Env = [{"NODE_NAME", Name ++ "@127.0.0.1"}, {"COOKIE", "x"}, {"HOME", Dir},
           {"ANT_FARM_ANTS", "1"}],
    Port = open_port({spawn, "setpriv --pdeathsig KILL bin/ant_farm foreground"},
                     options(Dir, Env)),
    {os_pid, Pid} = erlang:port_info(Port, os_pid),
    %% The script must not run twice at once: each run writes vm.args anew.
    {0, _} = sh("i=0; until epmd -names | grep " ++ Name ++ "; do i=$((i + 1)); "
                "[ $i != 100 ] || exit 1; sleep 0.2; done", options(Dir, [])),
    {Port, Pid}.

make_release(Copy, Out) ->
    {0, _} = sh("./make_release " ++ Out, options(Copy, [])),
    filename:join(Out, "ant_farm.tar.gz").

unpack(Config, Name) ->
    Dir = filename:join(?config(priv_dir, Config), Name),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    {0, _} = sh("tar xzf " ++ ?config(tarball, Config), [{cd, Dir}]),
    Dir.

options(Dir, Env) ->
    [{cd, Dir}, {env, Env ++ [{"PIPE_DIR", Dir ++ "/pipe/"}, {"ROOTDIR", false}, {"EMU", false},
                              {"BINDIR", false}, {"PROGNAME", false}, {"REBAR_BASE_DIR", false}]},
     exit_status, stderr_to_stdout, binary].

sh(Command, []) -> sh(Command, [{cd, "/"}]);
sh(Command, [{cd, Dir}]) -> sh(Command, options(Dir, []));
sh(Command, Options) ->
    until_exit(open_port({spawn_executable, "/bin/sh"}, [{args, ["-c", Command]} | Options]), []).

until_exit(Port, Said) ->
    receive
        {Port, {data, Bytes}} -> until_exit(Port, [Said, Bytes]);
        {Port, {exit_status, Status}} -> {Status, unicode:characters_to_list(iolist_to_binary(Said))}
    after 120000 ->
        error({still_running, iolist_to_binary(Said)})
    end.

files_with(Secret, Dir) ->
    filelib:fold_files(Dir, ".*", true,
                       fun(File, Found) ->
                               case file:read_file(File) of
                                   {ok, Text} ->
                                       [File || binary:match(Text, Secret) =/= nomatch] ++ Found;
                                   {error, _} ->
                                       Found
                               end
                       end, []).

%% Looks at all command lines of this machine again and again.
watch_command_lines() -> spawn_link(fun() -> watch(sets:new()) end).

watch(Lines) ->
    receive
        stop -> ok;
        {lines, From} -> From ! {lines, sets:to_list(Lines)}, watch(Lines)
    after 2 ->
        Now = [Line || File <- filelib:wildcard("/proc/[0-9]*/cmdline"),
                       {ok, Line} <- [file:read_file(File)]],
        watch(sets:union(Lines, sets:from_list(Now)))
    end.

seen(Watcher, Secret) ->
    Watcher ! {lines, self()},
    receive
        {lines, Lines} -> [Line || Line <- Lines, binary:match(Line, Secret) =/= nomatch]
    end.
