%% Agent "vitals": tells the daemon every N seconds how the node it sits in is doing.
%%
%% Cost for the host: two processes (6 kB between samples), one registered name (the module's), one
%% timer and one monitor per daemon; per daemon and interval about 50 microseconds and one message of
%% 400 bytes. Worst case: 16 daemons, one sample a second each. A full link or a long mailbox costs
%% samples, never the host's time: sending neither waits nor connects, and the heap is capped at 1 MB.
%% It sets no flags, tables, handlers or traces, and calls kernel and stdlib of OTP 22 to 29 only.
-ifndef(AGENT).
-define(AGENT, muster_agent_vitals).
-endif.
-module(?AGENT).

-export([vsn/0, start/1, stop/0, sample/1]).

-define(NAME, vitals).
-include("muster_agent.hrl").

%% What is sent, without what the agent says of itself. Memory in bytes.
-spec sample(map()) -> map().
sample(_Options) ->
    {Uptime, _} = erlang:statistics(wall_clock),
    Memory = try erlang:memory() catch error:notsup -> [] end,
    #{uptime_ms => Uptime,
      memory => maps:from_list(Memory),
      process_count => erlang:system_info(process_count),
      process_limit => erlang:system_info(process_limit),
      run_queue => erlang:statistics(total_run_queue_lengths_all),
      schedulers_online => erlang:system_info(schedulers_online)}.

first() -> none.

lease(_, _, State) -> {none, State}.

tick(_, Data, State) -> {sample(#{}), Data, State}.

settings(_, _, Data, State) -> {Data, State}.

message(_, State) -> {none, State}.

give_back(_) -> ok.
