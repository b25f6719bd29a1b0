%% Readings of the host that an agent sits on: by /proc, or by os_mon where that runs already. Each
%% throws what is lacking. Nothing here waits: files are read without the file server, which may be
%% waiting for some network disk, and os_mon's servers get half a second.

host() ->
    Memory = try fields("/proc/meminfo") of
                 Fields ->
                     Names = [{<<"MemTotal">>, memory_total_kb}, {<<"MemFree">>, memory_free_kb},
                              {<<"MemAvailable">>, memory_available_kb}, {<<"Buffers">>, buffered_kb},
                              {<<"Cached">>, cached_kb}, {<<"SwapTotal">>, swap_total_kb},
                              {<<"SwapFree">>, swap_free_kb}],
                     Found = maps:from_list([{Key, V} || {Name, Key} <- Names,
                                                         #{Name := V} <- [Fields]]),
                     case Found of
                         #{swap_total_kb := Total, swap_free_kb := Free} ->
                             Found#{swap_used_kb => Total - Free};
                         #{} -> Found
                     end
             catch throw:_ -> memsup()
             end,
    Load = try words(file("/proc/loadavg", 256)) of
               [One, Five, Fifteen, Tasks | _] ->
                   [_, All] = binary:split(Tasks, <<"/">>),
                   #{load1 => number(One), load5 => number(Five), load15 => number(Fifteen),
                     tasks => number(All)}
           catch _:_ -> cpu_sup()
           end,
    case maps:merge(Memory, Load) of
        #{memory_total_kb := Most} = Both ->
            Both#{memory_limit_kb => lists:min([Most | memory_limits()])};
        None when map_size(None) =:= 0 -> throw(neither_proc_nor_os_mon);
        Both -> Both
    end.

%% Of the container that the node is in; there /proc/meminfo is still the host's.
memory_limits() ->
    [N div 1024 || Path <- ["/sys/fs/cgroup/memory.max",
                            "/sys/fs/cgroup/memory/memory.limit_in_bytes"],
                   N <- [try number(hd(lines(Path, 32))) catch throw:_ -> none end], is_integer(N)].

memsup() ->
    case whereis(memsup) of
        undefined -> #{};
        _ ->
            Names = [{total_memory, memory_total_kb}, {free_memory, memory_free_kb},
                     {available_memory, memory_available_kb}, {buffered_memory, buffered_kb},
                     {cached_memory, cached_kb}, {total_swap, swap_total_kb},
                     {free_swap, swap_free_kb}],
            maps:from_list([{Key, V div 1024}
                            || {Item, V} <- gen_server:call(memsup, get_system_memory_data, 500),
                               {Name, Key} <- Names, Name =:= Item])
    end.

cpu_sup() ->
    case whereis(cpu_sup) of
        undefined -> #{};
        _ -> maps:from_list([{Key, N / 256} || {Item, Key} <- [{avg1, load1}, {avg5, load5},
                                                              {avg15, load15}],
                                               N <- [apply(cpu_sup, Item, [])], is_integer(N)])
    end.

cpu_line(Line) ->
    [Cpu | Ticks] = words(Line),
    [U, N, K, I, W, H, S | _] = [10 * number(T) || T <- Ticks] ++ [0, 0],
    {case Cpu of <<"cpu">> -> all; _ -> binary_to_integer(binary_part(Cpu, 3, byte_size(Cpu) - 3)) end,
     #{user => U, nice => N, kernel => K, idle => I, wait => W, interrupts => H + S,
       busy => U + N + K + H + S}}.

%% From Linux 6.2 on the directory's size is the number of open files. Listing many is dear: before,
%% of a large table a hundred places or so are asked. The odd step is so that no pattern fits it.
open_files(Table) ->
    case file:read_file_info("/proc/self/fd", [raw]) of
        {ok, Info} when element(2, Info) > 0 -> element(2, Info);
        _ when Table > 4096 ->
            Step = Table div 128 bor 1,
            Step * length([N || N <- lists:seq(0, Table - 1, Step),
                                {ok, _} <- [prim_file:read_link("/proc/self/fd/" ++ integer_to_list(N))]]);
        _ ->
            {ok, Names} = prim_file:list_dir("/proc/self/fd"),
            length(Names) - 1
    end.

%% Raw, because the file server may be waiting for some network disk.
file(Path, Most) ->
    case file:open(Path, [read, raw, binary]) of
        {ok, File} ->
            try file:read(File, Most) of
                {ok, Bytes} -> Bytes;
                _ -> throw(no_proc)
            after
                file:close(File)
            end;
        {error, _} -> throw(no_proc)
    end.

lines(Path, Most) -> binary:split(file(Path, Most), <<"\n">>, [global]).

%% Not by a pattern: OTP 29 does not load OTP 25's code for matching binaries.
begins(Line, Prefix) ->
    byte_size(Line) > byte_size(Prefix) andalso binary_part(Line, 0, byte_size(Prefix)) =:= Prefix.

words(Line) -> binary:split(Line, [<<" ">>, <<"\t">>], [global, trim_all]).

fields(Path) ->
    maps:from_list([{Name, number(N)} || Line <- lines(Path, 8192),
                                         [Name, Rest] <- [binary:split(Line, <<":">>)],
                                         [N | _] <- [words(Rest)], is_number(number(N))]).

number(Text) ->
    try binary_to_integer(Text)
    catch error:_ -> try binary_to_float(Text) catch error:_ -> none end
    end.
