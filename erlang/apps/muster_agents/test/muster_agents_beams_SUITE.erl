%% The beams that build_agents makes: what they are made of, and that they run in the Erlang of other Debian
%% releases.
-module(muster_agents_beams_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, groups/0, init_per_suite/1, end_per_suite/1, init_per_group/2, end_per_group/2]).
-export([beams_are_reproducible/1, beams_are_stripped_and_named_by_version/1,
         beams_use_kernel_and_stdlib_only/1]).
-export([works_on_otp_23/1, works_on_otp_27/1, works_on_otp_29/1]).

all() -> [{group, beams}, {group, metrics_elsewhere}, {group, events_elsewhere}].

groups() ->
    Releases = [works_on_otp_23, works_on_otp_27, works_on_otp_29],
    [{beams, [], [beams_are_reproducible, beams_are_stripped_and_named_by_version,
                  beams_use_kernel_and_stdlib_only]},
     {metrics_elsewhere, [parallel], Releases},
     {events_elsewhere, [parallel], Releases}].

init_per_suite(Config) -> muster_test_agents:init_per_suite(Config).

end_per_suite(Config) -> muster_test_agents:end_per_suite(Config).

init_per_group(metrics_elsewhere, Config) -> [{visit, fun visit_of_metrics/4} | Config];
init_per_group(events_elsewhere, Config) -> [{visit, fun visit_of_events/4} | Config];
init_per_group(_, Config) -> Config.

end_per_group(_, _) -> ok.

%%% What they are made of

beams_are_reproducible(Config) ->
    Again = filename:join(?config(priv_dir, Config), "again"),
    Named = fun(Agents) -> [maps:remove(path, Agent) || Agent <- Agents] end,
    ?assertEqual(Named(?config(agents, Config)), Named(muster_test_agents:build(Again))),
    [?assertEqual(file:read_file(filename:join(?config(dir, Config), File)),
                  file:read_file(filename:join(Again, File)))
     || #{file := File} <- ?config(agents, Config)].

beams_are_stripped_and_named_by_version(Config) ->
    [begin
         {ok, <<"FOR1", _/binary>> = Beam} = file:read_file(filename:join(?config(dir, Config), File)),
         {ok, Module, Chunks} = beam_lib:all_chunks(Beam),
         ?assertEqual([], [C || {C, _} <- Chunks, lists:member(C, ["Dbgi", "Abst", "Docs", "CInf"])]),
         ?assertEqual(Version, lists:last(string:split(atom_to_list(Module), "_", all))),
         ?assertEqual(Sha, string:lowercase(
                             binary_to_list(binary:encode_hex(crypto:hash(sha256, Beam)))))
     end || #{file := File, version := Version, sha256 := Sha} <- ?config(agents, Config)].

beams_use_kernel_and_stdlib_only(Config) ->
    [begin
         {ok, {_, [{imports, Imports}]}} =
             beam_lib:chunks(filename:join(?config(dir, Config), File), [imports]),
         ?assertEqual([], lists:usort([M || {M, _, _} <- Imports])
                      -- [application, application_controller, atomics, binary, code, dets, erl_parse,
                          erl_prim_loader, erl_scan, erlang, erts_debug, ets, file, filename,
                          gen, gen_server, inet, io_lib, lists, logger, logger_formatter, maps, os,
                          persistent_term, prim_file, proplists, socket, telemetry, timer,
                          unicode])
     end || #{file := File} <- ?config(agents, Config)].

%%% In the Erlang of other Debian releases, as tests/otp provides them; skipped where it cannot.

works_on_otp_23(Config) -> works_on("bullseye", "22", [r22], Config).

works_on_otp_27(Config) -> works_on("trixie", "25", [], Config).

works_on_otp_29(Config) -> works_on("forky", "25", [], Config).

works_on(Suite, First, Options, Config) ->
    case muster_test_otp:root(Suite) of
        {ok, Root} -> (?config(visit, Config))(Root, First, Options, Config);
        Skip -> Skip
    end.

visit_of_metrics(Root, First, _, Config) ->
    [#{module := Module, path := Path, version := Version}] =
        [A || #{agent := "metrics", first := F} = A <- ?config(agents, Config), F =:= First],
    {ok, Beam} = file:read_file(Path),
    Said = muster_test_otp:erl(Root, ["-eval", visit()],
                               [{"BEAM", base64:encode_to_string(Beam)},
                                {"MODULE", atom_to_list(Module)}]),
    ?assertEqual(list_to_binary(["sample from ", Version, ", clean\n"]), Said).

%% Load, lease, two samples, end of the lease, and nothing left.
visit() ->
    "Module = list_to_atom(os:getenv(\"MODULE\")),
     Beam = base64:decode(os:getenv(\"BEAM\")),
     Self = self(),
     Look = fun() -> {lists:sort(processes()), lists:sort(registered()), lists:sort(ets:all()),
                      erlang:module_loaded(Module), erlang:check_old_code(Module)} end,
     Before = Look(),
     ok = code:atomic_load([{Module, \"agent.beam\", Beam}]),
     Version = Module:vsn(),
     {Holder, Monitor} = spawn_monitor(fun() ->
         {ok, Agent} = Module:start(#{pid => self(), interval_ms => 1000}),
         [receive {muster_agent, metrics, Agent, #{values := #{run_queue := _}, lacking := Lacking}} ->
              [] = maps:keys(Lacking) -- [cpu, disk, mnesia, os, os_limits, os_process,
                                          process_groups, sockets, timers]
          end || _ <- [1, 2]] end),
     receive {'DOWN', Monitor, process, Holder, normal} -> ok after 20000 -> halt(1) end,
     Wait = fun Again(0) -> Look(); Again(N) -> case Look() of
         Before -> clean; _ -> receive after 100 -> Again(N - 1) end end end,
     io:format(\"sample from ~s, ~p~n\", [Version, Wait(50)]), halt().".

%% "notifications" and "alarms" together, by muster_test_visit.
visit_of_events(Root, First, Options, Config) ->
    Source = proplists:get_value(source, ?MODULE:module_info(compile)),
    Visit = filename:join(filename:dirname(Source), "muster_test_visit.erl"),
    {ok, Module, Visitor} = compile:file(Visit, [binary | Options]),
    Agents = [begin {ok, Beam} = file:read_file(Path), {M, Beam} end
              || #{module := M, path := Path, first := F, agent := A} <- ?config(agents, Config),
                 F =:= First, lists:member(A, ["notifications", "alarms"])],
    Name = "muster_" ++ os:getpid(),
    Dir = filename:join([Root, "tmp", Name]),
    ok = filelib:ensure_dir(filename:join(Dir, "x")),
    [ok = file:write_file(filename:join(Dir, atom_to_list(M) ++ ".beam"), Beam)
     || {M, Beam} <- [{Module, Visitor} | Agents]],
    Said = muster_test_otp:erl(Root, ["-pa", "/tmp/" ++ Name, "-eval", "muster_test_visit:run()", "-extra"
                                      | [atom_to_list(M) || {M, _} <- Agents]], []),
    ok = file:del_dir_r(Dir),
    ct:pal("~s", [Said]),
    ?assertEqual(<<"clean">>, lists:last(string:lexemes(Said, "\n"))).
