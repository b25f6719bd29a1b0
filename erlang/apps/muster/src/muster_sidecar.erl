%% Runs the daemon as a port program for as long as the application runs.
%%
%% The daemon has a cookie of its own, which is made here (`cookie` in its data directory, 0600) and
%% kept: this node knows it for the daemon's name alone, and so is admin there. Neither this node's
%% cookie nor the daemon's is on a command line. Its log lines go to `logger`, domain [muster, daemon].
%% When it ends it is started again after 1 s, doubled up to 60 s while it does not stay up for a
%% minute. When the application stops it gets SIGTERM, and SIGKILL if that has not ended it in 10 s;
%% when this emulator dies by whatever cause, its stdin is closed, which it takes as the same request
%% (--exit-on-stdin-close).
-module(muster_sidecar).
-behaviour(gen_server).

-include_lib("kernel/include/logger.hrl").

-export([start_link/0, status/0]).
-export([init/1, handle_call/3, handle_cast/2, handle_info/2, terminate/2]).

-define(LEAST_PAUSE_MS, 1000).
-define(MOST_PAUSE_MS, 60000).
-define(STOP_MS, 10000).
-define(META, #{domain => [muster, daemon]}).

-record(state, {node :: node(),
                port = none :: none | port(),
                os_pid :: undefined | integer(),
                started = 0 :: integer(),
                pause = ?LEAST_PAUSE_MS :: pos_integer(),
                starts = 0 :: non_neg_integer(),
                exit_status :: undefined | non_neg_integer(),
                line = <<>> :: binary()}).

-spec start_link() -> gen_server:start_ret().
start_link() -> gen_server:start_link({local, ?MODULE}, ?MODULE, [], []).

%% running or waiting (for the next start), the daemon's node, how often it was started, how it ended
%% the last time.
-spec status() -> #{atom() => term()}.
status() -> gen_server:call(?MODULE, status).

-spec init([]) -> {ok, #state{}} | {stop, term()}.
init([]) ->
    process_flag(trap_exit, true),
    case {muster_config:node(), muster_config:executable()} of
        {{ok, Node}, {ok, _}} ->
            self() ! start,
            {ok, #state{node = Node}};
        {{error, not_distributed}, _} ->
            refuse(not_distributed, "this node has no name: start it with -name or -sname, so that "
                                    "the daemon can be its neighbour");
        {_, {error, Text}} ->
            refuse(executable_not_found, Text)
    end.

refuse(Reason, Text) ->
    ?LOG_ERROR("muster: ~ts", [Text], ?META),
    {stop, {Reason, Text}}.

-spec handle_call(status, gen_server:from(), #state{}) -> {reply, map(), #state{}}.
handle_call(status, _From, State) ->
    {reply, #{state => case State#state.port of none -> waiting; _ -> running end,
              node => State#state.node,
              os_pid => State#state.os_pid,
              starts => State#state.starts,
              exit_status => State#state.exit_status}, State}.

-spec handle_cast(term(), #state{}) -> {noreply, #state{}}.
handle_cast(_, State) -> {noreply, State}.

-spec handle_info(term(), #state{}) -> {noreply, #state{}}.
handle_info(start, State) ->
    {noreply, start_daemon(State)};
handle_info({Port, {data, {Kind, Bytes}}}, #state{port = Port, line = Begun} = State) ->
    Line = <<Begun/binary, Bytes/binary>>,
    case Kind of
        noeol when byte_size(Line) < 65536 ->
            {noreply, State#state{line = Line}};
        _ ->
            say(Line),
            {noreply, State#state{line = <<>>}}
    end;
handle_info({Port, {exit_status, Status}}, #state{port = Port} = State) ->
    {noreply, ended(Status, State)};
handle_info(_, State) ->
    {noreply, State}.

-spec terminate(term(), #state{}) -> ok.
terminate(_, #state{port = none}) ->
    ok;
terminate(_, #state{port = Port, os_pid = Pid}) ->
    signal("TERM", Pid),
    case wait_end(Port, ?STOP_MS) of
        ended ->
            ok;
        still_there ->
            ?LOG_WARNING("muster: the daemon did not end in ~w ms, killing it", [?STOP_MS], ?META),
            signal("KILL", Pid),
            _ = wait_end(Port, ?STOP_MS),
            ok
    end.

wait_end(Port, Time) ->
    Deadline = erlang:monotonic_time(millisecond) + Time,
    wait_end(Port, Deadline, Time).

wait_end(Port, Deadline, Left) ->
    receive
        {Port, {exit_status, _}} -> ended;
        {Port, {data, {_, Line}}} ->
            say(Line),
            wait_end(Port, Deadline, max(0, Deadline - erlang:monotonic_time(millisecond)))
    after Left ->
        still_there
    end.

signal(Name, Pid) ->
    _ = os:cmd("kill -" ++ Name ++ " " ++ integer_to_list(Pid)),
    ok.

%%% Starting

start_daemon(State) ->
    Now = erlang:monotonic_time(millisecond),
    try
        {ok, Executable} = muster_config:executable(),
        Dir = muster_config:data_dir(),
        CookieFile = agree_on_cookie(Dir, State#state.node),
        Port = open_port({spawn_executable, Executable},
                         [{args, ["serve", "--name", atom_to_list(State#state.node),
                                  "--cookie-file", CookieFile, "--data-dir", Dir,
                                  "--exit-on-stdin-close" | muster_config:options()]},
                          {env, clean_env()}, {line, 4096}, binary, exit_status,
                          stderr_to_stdout, hide]),
        {os_pid, Pid} = erlang:port_info(Port, os_pid),
        ?LOG_INFO("muster: started ~ts as ~ts, pid ~w", [Executable, State#state.node, Pid], ?META),
        State#state{port = Port, os_pid = Pid, started = Now, starts = State#state.starts + 1,
                    line = <<>>}
    catch
        error:Reason ->
            ?LOG_ERROR("muster: the daemon could not be started: ~tp", [Reason], ?META),
            later(State#state{started = Now})
    end.

ended(Status, State) ->
    ?LOG_ERROR("muster: the daemon ended with status ~w, starting it again", [Status], ?META),
    later(State#state{port = none, os_pid = undefined, exit_status = Status}).

%% A daemon that was up for a minute was all right: begin again with the shortest pause.
later(#state{started = Started, pause = Pause0} = State) ->
    Pause = case erlang:monotonic_time(millisecond) - Started > ?MOST_PAUSE_MS of
                true -> ?LEAST_PAUSE_MS;
                false -> Pause0
            end,
    _ = erlang:send_after(Pause, self(), start),
    State#state{pause = min(2 * Pause, ?MOST_PAUSE_MS)}.

%% The file with the daemon's cookie. A directory that is made here is ours alone. One that is older than
%% such cookies goes on with this node's, as it did.
agree_on_cookie(Dir, Daemon) ->
    File = filename:join(Dir, "cookie"),
    case {filelib:is_regular(File), filelib:is_regular(filename:join(Dir, "muster.db"))} of
        {true, _} ->
            know_cookie(File, Daemon);
        {false, true} ->
            ?LOG_WARNING("muster: ~ts is from before the daemon had a cookie of its own and goes on with "
                         "this node's, which makes every node that has it admin. To end that, stop the "
                         "application and write a cookie of its own to ~ts (0600)", [Dir, File], ?META),
            Old = filename:join(Dir, "sidecar.cookie"),
            write_cookie(Old, erlang:get_cookie()),
            Old;
        {false, false} ->
            ok = filelib:ensure_dir(File),
            ok = file:change_mode(Dir, 8#700),
            Random = [io_lib:format("~2.16.0b", [B]) || <<B>> <= rand_bytes(20)],
            write_cookie(File, list_to_atom(lists:flatten(Random))),
            know_cookie(File, Daemon)
    end.

know_cookie(File, Daemon) ->
    {ok, Bytes} = file:read_file(File),
    true = erlang:set_cookie(Daemon, binary_to_atom(string:trim(Bytes))),
    File.

%% Written beside and renamed; ours alone before anything is in it.
write_cookie(File, Cookie) ->
    New = File ++ ".new",
    _ = file:delete(New),
    ok = file:write_file(New, <<>>, [exclusive]),
    ok = file:change_mode(New, 8#600),
    ok = file:write_file(New, atom_to_binary(Cookie)),
    ok = file:rename(New, File).

%% The system's generator: this application does without crypto.
rand_bytes(Count) ->
    {ok, Device} = file:open("/dev/urandom", [read, raw, binary]),
    {ok, Bytes} = file:read(Device, Count),
    ok = file:close(Device),
    Bytes.

%% The daemon starts other releases; what the start script of this one has set must not reach them.
clean_env() ->
    [{Name, false} || Entry <- os:getenv(),
                      [Name, _] <- [string:split(Entry, "=")],
                      is_ours(Name)].

is_ours("ERL_EPMD_" ++ _) -> false;
is_ours("ERL_" ++ _) -> true;
is_ours("RELEASE_" ++ _) -> true;
is_ours("RELX_" ++ _) -> true;
is_ours(Name) ->
    lists:member(Name, ["ROOTDIR", "BINDIR", "EMU", "PROGNAME", "REL_NAME", "ESCRIPT_NAME",
                        "HEART_COMMAND", "VMARGS_PATH", "NAME", "NODE_NAME", "COOKIE",
                        "MUSTER_NODE_NAME", "MUSTER_COOKIE", "RUNNER_LOG_DIR", "PIPE_DIR"]).

%%% Its log: "2026-11-21T03:08:18.773 info what happened"

say(Line) ->
    {Level, Text} = read_line(Line),
    ?LOG(Level, "~ts", [Text], ?META).

read_line(Line) ->
    case binary:split(Line, <<" ">>, [global]) of
        [Time, Level | _] when byte_size(Time) > 18 ->
            Text = binary:part(Line, byte_size(Time) + byte_size(Level) + 1,
                               byte_size(Line) - byte_size(Time) - byte_size(Level) - 1),
            case level(Level) of
                unknown -> {notice, printable(Line)};
                Known -> {Known, printable(string:trim(Text, leading, " "))}
            end;
        [<<"muster:">>, <<"ready">> | _] ->
            {notice, printable(Line)};
        [<<"muster:">> | _] ->
            {error, printable(Line)};
        _ ->
            {notice, printable(Line)}
    end.

level(<<"trace">>) -> debug;
level(<<"debug">>) -> debug;
level(<<"info">>) -> info;
level(<<"warning">>) -> warning;
level(<<"error">>) -> error;
level(<<"critical">>) -> critical;
level(_) -> unknown.

printable(Bytes) ->
    case unicode:characters_to_list(Bytes) of
        Text when is_list(Text) -> Text;
        _ -> binary_to_list(Bytes)
    end.
