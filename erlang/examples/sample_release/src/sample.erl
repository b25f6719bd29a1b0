%% What a program does with Muster: tell it of a provider, a release and a family, deploy nodes, and
%% wait for them by events instead of asking again and again.
-module(sample).

-export([deploy/2, remove/0]).

-define(WAIT_MS, 120000).

%% Deploys so many nodes of the release in this tar.gz (examples/ant_farm makes one) on this machine,
%% connected with each other, and returns their names when they are all UP. Another archive is another
%% release; nodes that are there already keep theirs.
-spec deploy(file:name_all(), pos_integer()) -> {ok, [node() | binary()]} | {error, term()}.
deploy(Tarball, Amount) ->
    try
        ok = muster:await(20000),
        {ok, Bytes} = file:read_file(Tarball),
        Release = release_name(Bytes),
        done(muster:create_provider(#{name => here, type => local})),
        done(muster:create_release(#{name => Release, release => Bytes,
                                     start_cmd => "bin/ant_farm daemon",
                                     stop_cmd => "bin/ant_farm stop",
                                     node_name_templates => ["etc/dist_ports"]})),
        done(muster:create_node_family(#{name => ants, release => Release,
                                         domains => [#{provider => here}],
                                         bootstrap_node_selection => first,
                                         bootstrap_strategy => distributed_erlang})),
        {ok, _} = muster:set_release(#{family => ants, release => Release}),
        deploy_and_wait(Amount)
    catch
        error:{badmatch, {error, Missing}} -> {error, Missing}
    end.

%% Has all nodes stopped and removed, and answers at once: they are gone when `muster:orch_list_nodes'
%% no longer has them. Provider, releases and family stay, for the next time.
-spec remove() -> muster:reply().
remove() -> muster:delete_family_nodes(#{family => ants}).

%% Named after what is in it.
release_name(Bytes) ->
    <<Number:64, _/binary>> = erlang:md5(Bytes),
    iolist_to_binary(io_lib:format("ants-~16.16.0b", [Number])).

%% The second time it is there already, which is as good.
done({ok, _}) -> ok;
done({error, #{code := conflict}}) -> ok;
done({error, Problem}) -> error({badmatch, {error, Problem}}).

%% The subscription comes first, so that no event is missed.
deploy_and_wait(Amount) ->
    {ok, #{subscription := Subscription}} =
        muster:subscribe(#{topics => ['topology.node_state']}),
    try
        {ok, #{items := Rows}} = muster:deploy_nodes(#{family => ants, amount => Amount,
                                                       autostart => true}),
        case wait_up([Id || #{id := Id} <- Rows],
                     erlang:monotonic_time(millisecond) + ?WAIT_MS) of
            ok -> {ok, [Name || #{name := Name} <- Rows]};
            {error, Problem} -> {error, Problem}
        end
    after
        _ = muster:unsubscribe(#{subscription => Subscription}),
        flush()
    end.

%% Nodes that others deploy have events, too.
wait_up([], _) ->
    ok;
wait_up(Ids, Deadline) ->
    receive
        {muster_event, 'topology.node_state', #{data := #{id := Id, state := State}}} ->
            case {lists:member(Id, Ids), State} of
                {true, 'UP'} -> wait_up(lists:delete(Id, Ids), Deadline);
                {true, 'ERROR'} -> {error, look_up(Id)};
                _ -> wait_up(Ids, Deadline)
            end;
        {muster_event, gap, _} ->  % more events than could be kept for us: ask
            wait_up([Id || Id <- Ids, maps:get(state, look_up(Id)) =/= 'UP'], Deadline)
    after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
        {error, #{code => timeout, message => <<"not all nodes came up">>, nodes => Ids}}
    end.

look_up(Id) ->
    {ok, Node} = muster:orch_get_node(#{id => Id}),
    Node.

%% What came after the last that we waited for.
flush() ->
    receive
        {muster_event, 'topology.node_state', _} -> flush();
        {muster_event, gap, _} -> flush()
    after 0 -> ok
    end.
