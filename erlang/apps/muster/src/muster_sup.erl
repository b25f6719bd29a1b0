%% The sidecar, unless the application is to use a daemon that somebody else runs (env `node`).
-module(muster_sup).
-behaviour(supervisor).

-export([start_link/0, init/1]).

-spec start_link() -> supervisor:startlink_ret().
start_link() -> supervisor:start_link({local, ?MODULE}, ?MODULE, []).

-spec init([]) -> {ok, {supervisor:sup_flags(), [supervisor:child_spec()]}}.
init([]) ->
    %% The sidecar itself restarts the daemon, with back-off; its own crash is a bug.
    {ok, {#{strategy => one_for_one, intensity => 3, period => 60},
          [#{id => muster_sidecar,
             start => {muster_sidecar, start_link, []},
             shutdown => 20000} || not muster_config:is_remote()]}}.
