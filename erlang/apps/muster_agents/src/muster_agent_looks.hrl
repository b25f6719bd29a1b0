%% What only a look at a host's processes, code and configuration shows. Each look is made by a process
%% of low priority with a heap cap of its own, which tells the agent what it found.
%%
%% scan/1 asks all processes for the length of their message queue, a thousand at a time with pauses;
%% slow_checks/0 reads directories and .app files.
-define(SLICE, 1000).
-define(SLICE_PAUSE_MS, 10).
-define(SCAN_BUDGET_US, 100000).
-define(SCAN_PAUSE_MS, 30000).
-define(MOST_LONG_QUEUES, 20).
-define(MOST_LISTED, 200000).   % processes, where there is no iterator
-define(HELPER_WORDS, 1 bsl 21).  % 16 MB, while it looks
-define(MOST_MODULES, 8000).
-define(MOST_FOUND, 50).

help(What, Work, #{helpers := Helpers} = State) ->
    case lists:member(What, maps:values(Helpers)) of
        true -> State;   % the last one is still at it
        false ->
            Agent = self(),
            Cap = #{size => ?HELPER_WORDS, kill => true, error_logger => false},
            Helper = spawn_opt(fun() -> try Work(Agent) catch _:Why -> exit({failed, Why}) end end,
                               [link, {priority, low}, {max_heap_size, Cap}]),
            State#{helpers := Helpers#{Helper => What}}
    end.

scan(#{long_queue := Limit}) ->
    Began = erlang:monotonic_time(microsecond),
    Found = case processes_of() of
                too_many -> #{skipped => too_many_processes};
                Processes ->
                    slices(Processes, Limit, 0,
                           #{scanned => 0, sum => 0, most => 0, long_count => 0, long => []})
            end,
    Long = lists:sublist(lists:reverse(lists:sort(maps:get(long, Found, []))), ?MOST_LONG_QUEUES),
    Scan = maps:remove(long, Found),
    {Scan#{processes => erlang:system_info(process_count),
           wall_us => erlang:monotonic_time(microsecond) - Began},
     [long_queue(Pid, Length) || {Length, Pid} <- Long],
     packed(#{old_code => old_code(), multi_scheduling => multi_scheduling(),
              timezone => timezone(), peers => lists:sort(nodes()),
              code_mode => code:get_mode(), applications => applications()})}.

processes_of() ->
    case erlang:function_exported(erlang, processes_iterator, 0) of
        true -> {iterator, foreign(erlang, processes_iterator, [])};
        false ->
            case erlang:system_info(process_count) =< ?MOST_LISTED of
                true -> {list, processes()};
                false -> too_many
            end
    end.

%% The pauses do not count, the work does; when its budget is spent the scan goes on later.
slices(Processes, Limit, Spent, Found) ->
    Began = erlang:monotonic_time(microsecond),
    {Rest, Now} = slice(?SLICE, Processes, Limit, Found),
    Used = Spent + erlang:monotonic_time(microsecond) - Began,
    case Rest of
        done -> Now;
        _ when Used > ?SCAN_BUDGET_US ->
            receive after ?SCAN_PAUSE_MS -> slices(Rest, Limit, 0, Now) end;
        _ -> receive after ?SLICE_PAUSE_MS -> slices(Rest, Limit, Used, Now) end
    end.

slice(0, Processes, _, Found) -> {Processes, Found};
slice(N, {list, [Pid | Pids]}, Limit, Found) ->
    slice(N - 1, {list, Pids}, Limit, measure(Pid, Limit, Found));
slice(_, {list, []}, _, Found) -> {done, Found};
slice(N, {iterator, Iterator}, Limit, Found) ->
    case foreign(erlang, processes_next, [Iterator]) of
        {Pid, Next} -> slice(N - 1, {iterator, Next}, Limit, measure(Pid, Limit, Found));
        none -> {done, Found}
    end.

measure(Pid, Limit, #{scanned := N, sum := Sum, most := Most} = Found) ->
    case process_info(Pid, message_queue_len) of
        {_, Length} ->
            Now = Found#{scanned := N + 1, sum := Sum + Length, most := max(Most, Length)},
            case Now of
                #{long_count := Count, long := Long} when Length >= Limit ->
                    Now#{long_count := Count + 1, long := [{Length, Pid} | keep(Long)]};
                #{} -> Now
            end;
        undefined -> Found
    end.

keep(Long) when length(Long) < 10 * ?MOST_LONG_QUEUES -> Long;
keep(Long) -> lists:sublist(lists:reverse(lists:sort(Long)), ?MOST_LONG_QUEUES).

long_queue(Pid, Length) ->
    Evidence = evidence(Pid),
    Evidence#{pid => pid_text(Pid), len => Length,
              name => maps:get(registered_name, Evidence, undefined)}.

old_code() -> [M || M <- loaded(), erlang:check_old_code(M)].

%% Without agents.
loaded() ->
    lists:sort([M || {M, _} <- code:all_loaded(), not lists:prefix("muster_agent_", atom_to_list(M))]).

%% `disabled`: there is only one scheduler.
multi_scheduling() ->
    case erlang:system_info(multi_scheduling) of
        How when How =:= enabled; How =:= disabled -> [];
        How -> [How]
    end.

%% Not by module calendar, which many a host has not loaded: it would take 70 kB there.
timezone() ->
    erlang:universaltime_to_posixtime(erlang:localtime())
        - erlang:universaltime_to_posixtime(erlang:universaltime()).

applications() ->
    maps:from_list([{App, to_text(Version)}
                    || {App, _, Version} <- application:which_applications(10000)]).

slow_checks() ->
    Parts = [fun() -> #{modules => modules()} end, fun() -> #{config => config()} end,
             fun() -> #{clashes => clashes()} end, fun app_files/0],
    packed(lists:foldl(fun(Look, Found) ->
                               receive after 100 -> ok end,
                               try maps:merge(Found, Look()) catch _:_ -> Found end
                       end, #{}, Parts)).

%% Packed, since it is kept for daemons that come later.
packed(Checks) ->
    maps:map(fun(_, Value) -> term_to_binary(Value, [compressed]) end, Checks).

%% Another code behind the same name shows as another number.
modules() ->
    maps:from_list(
      lists:append([try [{M, erlang:phash2(M:module_info(md5), 1 bsl 32)}] catch _:_ -> [] end
                    || M <- lists:sublist(loaded(), ?MOST_MODULES)])).

config() ->
    maps:from_list(
      [{App, maps:from_list([{Key, erlang:phash2({App, Key, Value})}
                             || {Key, Value} <- application:get_all_env(App)])}
       || {App, _, _} <- application:loaded_applications(), application:get_all_env(App) =/= []]).

%% code:clash/0 prints; this does not.
clashes() ->
    Dirs = [filename:absname(Dir) || Dir <- code:get_path()],
    Found = lists:foldl(fun beams/2, #{}, lists:usort(Dirs)),
    several(maps:to_list(Found), ?MOST_FOUND, #{}).

beams(Dir, Found) ->
    _ = receive after 1 -> ok end,
    Files = case erl_prim_loader:list_dir(Dir) of {ok, Names} -> Names; error -> [] end,
    lists:foldl(fun(File, Now) ->
                        case filename:extension(File) of
                            ".beam" ->
                                Key = list_to_binary(filename:basename(File, ".beam")),
                                Now#{Key => [Dir | maps:get(Key, Now, [])]};
                            _ -> Now
                        end
                end, Found, Files).

several([{Module, [_, _ | _] = Dirs} | Rest], N, Clashes) when N > 0 ->
    several(Rest, N - 1, Clashes#{Module => [to_text(Dir) || Dir <- Dirs]});
several([_ | Rest], N, Clashes) when N > 0 -> several(Rest, N, Clashes);
several(_, _, Clashes) -> Clashes.

%% What the .app files on disk say against what is loaded.
app_files() ->
    Loaded = [{App, Version} || {App, _, Version} <- application:loaded_applications()],
    Looked = [{App, app_file(App, Version, Loaded)} || {App, Version} <- Loaded],
    maps:from_list([{Key, maps:from_list([{App, Found} || {App, #{Key := Found}} <- Looked])}
                    || Key <- [bad_app_files, missing_dependencies, old_dependencies]]).

app_file(App, Version, Loaded) ->
    _ = receive after 1 -> ok end,
    Keys = case code:where_is_file(atom_to_list(App) ++ ".app") of
               non_existing -> none;   % loaded from a term, or its directory is gone
               File -> consult(File)
           end,
    case Keys of
        none -> dependencies(App, [], Loaded);
        {ok, {application, App, Said}} when is_list(Said) ->
            maps:merge(dependencies(App, Said, Loaded), bad_app_file(Version, Said));
        {ok, _} -> #{bad_app_files => not_an_application};
        {error, Why} -> #{bad_app_files => bound(Why)}
    end.

%% As application_controller reads them. A host that has not done so runs nothing but OTP's own
%% applications from its boot file; to read those, modules would have to be loaded.
consult(File) ->
    case lists:all(fun erlang:module_loaded/1, [erl_scan, erl_parse])
        andalso erl_prim_loader:get_file(File) of
        false -> none;
        {ok, Bytes, _} ->
            Text = case unicode:characters_to_list(Bytes) of
                       Chars when is_list(Chars) -> Chars;
                       _ -> binary_to_list(Bytes)
                   end,
            case erl_scan:string(Text) of
                {ok, Tokens, _} -> erl_parse:parse_term(Tokens);
                {error, Why, _} -> {error, Why}
            end;
        error -> {error, enoent}
    end.

bad_app_file(Version, Said) ->
    case {proplists:get_value(vsn, Said), proplists:get_value(mod, Said, [])} of
        {Version, []} -> #{};
        {Version, {Module, _}} when is_atom(Module) ->
            case erlang:module_loaded(Module) orelse code:which(Module) =/= non_existing of
                true -> #{};
                false -> #{bad_app_files => {missing_mod, Module}}
            end;
        {Version, Other} -> #{bad_app_files => bound({bad_mod, Other})};
        {Other, _} -> #{bad_app_files => bound({version_on_disk, Other, loaded, Version})}
    end.

%% The applications an application needs at run time: missing, or older than asked for.
dependencies(App, Said, Loaded) ->
    Key = fun(K) -> case application:get_key(App, K) of {ok, L} when is_list(L) -> L; _ -> [] end end,
    Optional = Key(optional_applications),
    Needs = [{A, ""} || A <- Key(applications) ++ Key(included_applications),
                        not lists:member(A, Optional)]
        ++ [Need || D <- proplists:get_value(runtime_dependencies, Said, []), Need <- split(D, Loaded)],
    States = [state_of(A, Wanted, Loaded) || {A, Wanted} <- Needs],
    Missing = lists:usort([A || {A, _, missing} <- States]),
    Old = [{to_text([atom_to_list(A), $-, Wanted]), to_text(Has)} || {A, Wanted, {old, Has}} <- States],
    maps:filter(fun(_, Found) -> Found =/= [] end,
                #{missing_dependencies => Missing, old_dependencies => Old}).

%% "kernel-8.0" of an application that is there; a name that nobody has is not made an atom, and
%% what OTP's own applications would like to have besides is not missed.
split(Dependency, Loaded) ->
    {Version, Name} = lists:splitwith(fun(C) -> C =/= $- end, lists:reverse(Dependency)),
    [{A, lists:reverse(Version)} || {A, _} <- Loaded,
                                    [$- | lists:reverse(atom_to_list(A))] =:= Name].

state_of(App, Wanted, Loaded) ->
    case lists:keyfind(App, 1, Loaded) of
        {_, Has} ->
            case numbers(Has) >= numbers(Wanted) of
                true -> {App, Wanted, ok};
                false -> {App, Wanted, {old, Has}}
            end;
        false ->
            case code:lib_dir(App) of
                {error, _} -> {App, Wanted, missing};
                _ -> {App, Wanted, ok}
            end
    end.

numbers(Version) ->
    IsDigit = fun(C) -> C >= $0 andalso C =< $9 end,
    [try list_to_integer(lists:takewhile(IsDigit, binary_to_list(Part))) catch error:badarg -> 0 end
     || Part <- binary:split(to_text(Version), <<".">>, [global])].
