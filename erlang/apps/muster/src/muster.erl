%% @doc The operations of the Muster daemon, one function each.
%%
%% A function is called as its operation; where `topology' and `orchestration' have one of the same
%% name, that of `orchestration' begins with `orch_', as its REST path does. Arguments are maps or
%% property lists, as `muster:help()' lists them. What happens without an answer of the daemon is an
%% error like its own: `unavailable' when it cannot be reached, `timeout' when it does not answer.
-module(muster).

-export([daemon/0, await/1, call/3, call/4]).
-export([echo/1, help/0, health/0, ready/0, openapi/0, ticket/0, events/1, subscribe/1,
         unsubscribe/1, add_token/1, list_tokens/0, remove_token/1, audit/1]).
-export([add_node/1, remove_node/1, get_node/1, list_nodes/1, discover_nodes/1, update_node/1]).
-export([run/1, list_runs/1, get_run/1]).
-export([metric_catalogue/0, metrics/1, latest_metrics/1, query_metrics/1, metric_settings/0,
         set_metric_interval/1, live_metrics/1, daemon_metrics/0]).
-export([notifications/1, notification/1, set_notification_level/1, notification_levels/1]).
-export([alarms/1, alarm/1, alarm_history/1, acknowledge_alarm/1, clear_alarm/1, comment_alarm/1,
         add_alarm_rule/1, list_alarm_rules/1, remove_alarm_rule/1, add_alarm_webhook/1,
         list_alarm_webhooks/1, remove_alarm_webhook/1]).
-export([create_provider/1, list_providers/1, get_provider/1, update_provider/1,
         delete_provider/1, ssh_key/0, create_release/1, upload_release/1, update_release/1,
         list_releases/1, get_release/1, delete_release/1, create_node_family/1,
         update_node_family/1, delete_node_family/1, list_node_families/1, get_node_family/1,
         set_release/1, set_firewall/1, add_domain/1, list_domains/1, delete_domain/1,
         deploy_nodes/1, orch_list_nodes/1, orch_get_node/1, start_node/1, stop_node/1,
         restart_node/1, retry_node/1, delete_node/1, start_family/1, stop_family/1,
         restart_family/1, delete_family_nodes/1]).
-export_type([args/0, reply/0, problem/0]).

-type args() :: #{atom() | binary() => term()} | [{atom() | binary(), term()}].
-type reply() :: {ok, term()} | {error, problem()}.
-type problem() :: #{code := bad_request | unauthorized | forbidden | not_found | conflict | quota
                           | too_large | timeout | unavailable | unsupported | internal,
                     message := binary(), atom() => term()}.

-define(TIME_LIMIT_MS, 30000).
%% For a release's archive, which may be large and is hashed and stored before the answer.
-define(UPLOAD_LIMIT_MS, 7200000).

%% @doc The node name of the daemon: the configured one, or that of our own.
-spec daemon() -> {ok, node()} | {error, problem()}.
daemon() ->
    case muster_config:node() of
        {ok, Node} -> {ok, Node};
        {error, not_distributed} -> unavailable("this node is not distributed")
    end.

%% @doc Waits until the daemon answers, at most so many milliseconds.
-spec await(Milliseconds :: non_neg_integer()) -> ok | {error, problem()}.
await(Milliseconds) ->
    await_until(erlang:monotonic_time(millisecond) + Milliseconds).

await_until(Deadline) ->
    Left = max(1, Deadline - erlang:monotonic_time(millisecond)),
    case call(muster, ready, #{}, Left) of
        {ok, _} ->
            ok;
        {error, _} when Left > 100 ->
            timer:sleep(100),
            await_until(Deadline);
        {error, Problem} ->
            {error, Problem}
    end.

%% @doc Any operation, also one that this module is too old to know.
-spec call(Service :: atom(), Operation :: atom(), Args :: term()) -> reply().
call(Service, Operation, Args) -> call(Service, Operation, Args, ?TIME_LIMIT_MS).

%% @doc The same with a time limit in milliseconds.
-spec call(Service :: atom(), Operation :: atom(), Args :: term(), timeout()) -> reply().
call(Service, Operation, Args, Time) ->
    case daemon() of
        {ok, Node} ->
            try
                gen_server:call({Service, Node}, {Operation, Args}, Time)
            catch
                exit:{timeout, _} ->
                    {error, #{code => timeout, message => <<"no answer in time">>}};
                exit:{noproc, _} ->
                    unavailable("~s has no service '~s'", [Node, Service]);
                exit:{Reason, _} ->
                    unavailable("~s cannot be reached: ~0p", [Node, Reason])
            end;
        {error, Problem} ->
            {error, Problem}
    end.

unavailable(Text) -> unavailable(Text, []).

unavailable(Format, Values) ->
    Message = unicode:characters_to_binary(io_lib:format(Format, Values)),
    {error, #{code => unavailable, message => Message}}.

%%% muster

%% @doc Gives back what it was given, through table, converter and permission.
-spec echo(term()) -> reply().
echo(Term) -> call(muster, echo, Term).

%% @doc Every operation there is, with its arguments.
-spec help() -> reply().
help() -> call(muster, help, #{}).

%% @doc Whether the daemon's disk, database and epmd are well.
-spec health() -> reply().
health() -> call(muster, health, #{}).

%% @doc Whether what is asked now would be answered.
-spec ready() -> reply().
ready() -> call(muster, ready, #{}).

%% @doc The OpenAPI document of the REST interface.
-spec openapi() -> reply().
openapi() -> call(muster, openapi, #{}).

%% @doc A one-use ticket that opens the WebSocket of the events.
-spec ticket() -> reply().
ticket() -> call(muster, ticket, #{}).

%% @doc The events of `topics' that followed `since', without a subscription.
-spec events(args()) -> reply().
events(Args) -> call(muster, events, Args).

%% @doc Sends the events of `topics' to `pid', by default the caller, as `{muster_event, Topic, Map}'.
-spec subscribe(args()) -> reply().
subscribe(Args) -> call(muster, subscribe, Args).

%% @doc Ends what subscribe/1 began.
-spec unsubscribe(args()) -> reply().
unsubscribe(Args) -> call(muster, unsubscribe, Args).

%% @doc Makes a token for REST, for `name' with a `role'; it is shown this once. Perhaps it has an end,
%% `expires_at' or `expires_in' seconds, or is bound to `families'.
-spec add_token(args()) -> reply().
add_token(Args) -> call(muster, add_token, Args).

%% @doc The tokens that were added, when they expire and when they were last used.
-spec list_tokens() -> reply().
list_tokens() -> call(muster, list_tokens, #{}).

%% @doc Ends the token of `name'.
-spec remove_token(args()) -> reply().
remove_token(Args) -> call(muster, remove_token, Args).

%% @doc Who changed what, newest first: `caller', `from', `operation', `about', `outcome', `since',
%% `until', `limit' and `after' choose.
-spec audit(args()) -> reply().
audit(Args) -> call(muster, audit, Args).

%%% topology

%% @doc Watches a node: `name', `cookie', perhaps `dist_port', `tls', `agents'.
-spec add_node(args()) -> reply().
add_node(Args) -> call(topology, add_node, Args).

%% @doc Stops watching a node: `id', or its name.
-spec remove_node(args()) -> reply().
remove_node(Args) -> call(topology, remove_node, Args).

%% @doc One watched node: `id', or its name.
-spec get_node(args()) -> reply().
get_node(Args) -> call(topology, get_node, Args).

%% @doc The watched nodes; `family', `state', `limit' and `after' choose.
-spec list_nodes(args()) -> reply().
list_nodes(Args) -> call(topology, list_nodes, Args).

%% @doc The nodes that a watched one is connected to; `add => true' adds them, and theirs.
-spec discover_nodes(args()) -> reply().
discover_nodes(Args) -> call(topology, discover_nodes, Args).

%% @doc Changes how a watched node is reached, or whether agents are loaded into it.
-spec update_node(args()) -> reply().
update_node(Args) -> call(topology, update_node, Args).

%%% commands

%% @doc Applies `module', `function', `args' on `nodes' or a `family', and says what each answered
%% within `timeout' ms. The daemon keeps that limit, so there is none here.
-spec run(args()) -> reply().
run(Args) -> call(commands, run, Args, infinity).

%% @doc What was run, newest first.
-spec list_runs(args()) -> reply().
list_runs(Args) -> call(commands, list_runs, Args).

%% @doc One run with every node's answer.
-spec get_run(args()) -> reply().
get_run(Args) -> call(commands, get_run, Args).

%%% metrics

%% @doc Every metric that Muster knows of, with its unit, kind and other names.
-spec metric_catalogue() -> reply().
metric_catalogue() -> call(metrics, catalogue, #{}).

%% @doc Which metrics a `node' has, or the nodes of a `family'.
-spec metrics(args()) -> reply().
metrics(Args) -> call(metrics, list, Args).

%% @doc The newest values of a `node', or of the nodes of a `family'; all, or those in `metrics'.
-spec latest_metrics(args()) -> reply().
latest_metrics(Args) -> call(metrics, latest, Args).

%% @doc `metrics' of a `node' or a `family' over time: `since', `until', `step', `combine'.
-spec query_metrics(args()) -> reply().
query_metrics(Args) -> call(metrics, query, Args).

%% @doc What is kept how long, how often nodes are asked, and what it takes.
-spec metric_settings() -> reply().
metric_settings() -> call(metrics, settings, #{}).

%% @doc How often a `node', or the nodes of a `family', are asked: `seconds'.
-spec set_metric_interval(args()) -> reply().
set_metric_interval(Args) -> call(metrics, set_interval, Args).

%% @doc `metrics' of a `node' or a `family' every second, as events, for `seconds'.
-spec live_metrics(args()) -> reply().
live_metrics(Args) -> call(metrics, live, Args).

%% @doc What the daemon says of itself: load, queues, drops, calls.
-spec daemon_metrics() -> reply().
daemon_metrics() -> call(metrics, daemon, #{}).

%%% notifications

%% @doc What the nodes said, newest first: `node', `family', `severity' and worse, `source', `kind',
%% `application', `words', `since', `until', `limit' and `after' choose.
-spec notifications(args()) -> reply().
notifications(Args) -> call(notifications, list, Args).

%% @doc One notification with its report: `id'.
-spec notification(args()) -> reply().
notification(Args) -> call(notifications, get, Args).

%% @doc From which `level' on a `node', a `family' or all are to say something, perhaps one `source'.
-spec set_notification_level(args()) -> reply().
set_notification_level(Args) -> call(notifications, set_level, Args).

%% @doc The levels that were set, and those that hold for a `node'.
-spec notification_levels(args()) -> reply().
notification_levels(Args) -> call(notifications, levels, Args).

%%% alarms

%% @doc Current alarms, the newest first: `state', `severity' and worse, `source', `node', `family',
%% `condition', `tags', `limit' and `after' choose.
-spec alarms(args()) -> reply().
alarms(Args) -> call(alarms, list, Args).

%% @doc One alarm, current or past, with its evidence and who did what when: `id'.
-spec alarm(args()) -> reply().
alarm(Args) -> call(alarms, get, Args).

%% @doc Alarms that are over, last cleared first; chosen as `alarms/1' chooses.
-spec alarm_history(args()) -> reply().
alarm_history(Args) -> call(alarms, history, Args).

%% @doc Says that somebody sees to an alarm: `id', `comment'.
-spec acknowledge_alarm(args()) -> reply().
acknowledge_alarm(Args) -> call(alarms, acknowledge, Args).

%% @doc Calls an alarm over; it comes back if its condition still holds: `id', `comment'.
-spec clear_alarm(args()) -> reply().
clear_alarm(Args) -> call(alarms, clear, Args).

%% @doc Adds a comment to an alarm: `id', `text'.
-spec comment_alarm(args()) -> reply().
comment_alarm(Args) -> call(alarms, comment, Args).

%% @doc Raises an alarm `id' when a `metric' crosses `raise' until it is back at `clear', or when a
%% notification matches `pattern'.
-spec add_alarm_rule(args()) -> reply().
add_alarm_rule(Args) -> call(alarms, add_rule, Args).

%% @doc The rules that raise alarms: `source' is builtin or user.
-spec list_alarm_rules(args()) -> reply().
list_alarm_rules(Args) -> call(alarms, list_rules, Args).

%% @doc Removes a rule that was added; what it has raised is over: `id'.
-spec remove_alarm_rule(args()) -> reply().
remove_alarm_rule(Args) -> call(alarms, remove_rule, Args).

%% @doc Sends alarms of `severity' and worse to `url', bodies signed with `secret'.
-spec add_alarm_webhook(args()) -> reply().
add_alarm_webhook(Args) -> call(alarms, add_webhook, Args).

%% @doc Who is sent alarms, and how many wait.
-spec list_alarm_webhooks(args()) -> reply().
list_alarm_webhooks(Args) -> call(alarms, list_webhooks, Args).

%% @doc Sends no more alarms there: `id'.
-spec remove_alarm_webhook(args()) -> reply().
remove_alarm_webhook(Args) -> call(alarms, remove_webhook, Args).

%%% orchestration

%% @doc A place that has hosts: `name', `type', and what that type needs.
-spec create_provider(args()) -> reply().
create_provider(Args) -> call(orchestration, create_provider, Args).

%% @doc The providers.
-spec list_providers(args()) -> reply().
list_providers(Args) -> call(orchestration, list_providers, Args).

%% @doc One provider.
-spec get_provider(args()) -> reply().
get_provider(Args) -> call(orchestration, get_provider, Args).

%% @doc Changes a provider.
-spec update_provider(args()) -> reply().
update_provider(Args) -> call(orchestration, update_provider, Args).

%% @doc Forgets a provider that nothing uses.
-spec delete_provider(args()) -> reply().
delete_provider(Args) -> call(orchestration, delete_provider, Args).

%% @doc The public key that hosts must authorize.
-spec ssh_key() -> reply().
ssh_key() -> call(orchestration, ssh_key, #{}).

%% @doc Stores a release: `name', `release' (the tar.gz, a binary), `start_cmd', `stop_cmd', …
-spec create_release(args()) -> reply().
create_release(Args) -> call(orchestration, create_release, Args, ?UPLOAD_LIMIT_MS).

%% @doc Stores the tar.gz (`body') of a release made without one.
-spec upload_release(args()) -> reply().
upload_release(Args) -> call(orchestration, upload_release, Args, ?UPLOAD_LIMIT_MS).

%% @doc Changes how a release is started and stopped.
-spec update_release(args()) -> reply().
update_release(Args) -> call(orchestration, update_release, Args).

%% @doc The releases.
-spec list_releases(args()) -> reply().
list_releases(Args) -> call(orchestration, list_releases, Args).

%% @doc One release.
-spec get_release(args()) -> reply().
get_release(Args) -> call(orchestration, get_release, Args).

%% @doc Forgets a release that nothing uses.
-spec delete_release(args()) -> reply().
delete_release(Args) -> call(orchestration, delete_release, Args).

%% @doc A family of nodes to deploy: release, firewall, domains, bootstrap, at once or step by step.
-spec create_node_family(args()) -> reply().
create_node_family(Args) -> call(orchestration, create_node_family, Args).

%% @doc Changes a family for nodes deployed from then on.
-spec update_node_family(args()) -> reply().
update_node_family(Args) -> call(orchestration, update_node_family, Args).

%% @doc Forgets a family without nodes.
-spec delete_node_family(args()) -> reply().
delete_node_family(Args) -> call(orchestration, delete_node_family, Args).

%% @doc The families: those that are deployed, and those of nodes that were added.
-spec list_node_families(args()) -> reply().
list_node_families(Args) -> call(orchestration, list_node_families, Args).

%% @doc One family.
-spec get_node_family(args()) -> reply().
get_node_family(Args) -> call(orchestration, get_node_family, Args).

%% @doc The release of a family.
-spec set_release(args()) -> reply().
set_release(Args) -> call(orchestration, set_release, Args).

%% @doc The firewall rules of a family.
-spec set_firewall(args()) -> reply().
set_firewall(Args) -> call(orchestration, set_firewall, Args).

%% @doc A deployment domain of a family: a provider and how it is used.
-spec add_domain(args()) -> reply().
add_domain(Args) -> call(orchestration, add_domain, Args).

%% @doc The deployment domains of a family.
-spec list_domains(args()) -> reply().
list_domains(Args) -> call(orchestration, list_domains, Args).

%% @doc Removes a deployment domain of a family.
-spec delete_domain(args()) -> reply().
delete_domain(Args) -> call(orchestration, delete_domain, Args).

%% @doc Deploys `amount' nodes of a `family'; answers at once with the rows, events tell the rest.
-spec deploy_nodes(args()) -> reply().
deploy_nodes(Args) -> call(orchestration, deploy_nodes, Args).

%% @doc The deployed nodes.
-spec orch_list_nodes(args()) -> reply().
orch_list_nodes(Args) -> call(orchestration, list_nodes, Args).

%% @doc One deployed node with its steps.
-spec orch_get_node(args()) -> reply().
orch_get_node(Args) -> call(orchestration, get_node, Args).

%% @doc Starts a stopped node.
-spec start_node(args()) -> reply().
start_node(Args) -> call(orchestration, start_node, Args).

%% @doc Stops a node: name and process are gone for good, `heart' or not.
-spec stop_node(args()) -> reply().
stop_node(Args) -> call(orchestration, stop_node, Args).

%% @doc Stops and starts a node.
-spec restart_node(args()) -> reply().
restart_node(Args) -> call(orchestration, restart_node, Args).

%% @doc Goes on with a deployment from the step that failed.
-spec retry_node(args()) -> reply().
retry_node(Args) -> call(orchestration, retry_node, Args).

%% @doc Stops a node and removes it from its host. With `forget => true' one whose host is gone for
%% good is taken out of the books; the reply says what was left there.
-spec delete_node(args()) -> reply().
delete_node(Args) -> call(orchestration, delete_node, Args).

%% @doc Starts all nodes of a family.
-spec start_family(args()) -> reply().
start_family(Args) -> call(orchestration, start_family, Args).

%% @doc Stops all nodes of a family.
-spec stop_family(args()) -> reply().
stop_family(Args) -> call(orchestration, stop_family, Args).

%% @doc Restarts all nodes of a family.
-spec restart_family(args()) -> reply().
restart_family(Args) -> call(orchestration, restart_family, Args).

%% @doc Stops all nodes of a family and removes them from their hosts.
-spec delete_family_nodes(args()) -> reply().
delete_family_nodes(Args) -> call(orchestration, delete_family_nodes, Args).
