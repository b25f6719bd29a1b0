%% What a program does with Muster: tell it of a provider, a release and a family, deploy nodes, and
%% wait for them by events instead of asking again and again.
-module(sample).

-export([deploy/2, remove/0]).

-define(WAIT_MS, 120000).

%% Deploys so many nodes of the release in this tar.gz (examples/ant_farm makes one) on this machine,
%% connected with each other, and returns their names when they are all UP.
-spec deploy(file:name_all(), pos_integer()) -> {ok, [node() | binary()]} | {error, term()}.
deploy(Tarball, Amount) ->
    try
        ok = muster:await(20000),
        {ok, Bytes} = file:read_file(Tarball),
        done(muster:create_provider(#{name => here, type => local})),
        done(muster:create_release(#{name => ants, release => Bytes,
                                     start_cmd => "bin/ant_farm daemon",
                                     stop_cmd => "bin/ant_farm stop",
                                     node_name_templates => ["etc/dist_ports"]})),
        done(muster:create_node_family(#{name => ants, release => ants,
                                         domains => [#{provider => here}],
                                         bootstrap_node_selection => first,
                                         bootstrap_strategy => distributed_erlang})),
        {ok, _} = muster:subscribe(#{topics => [topology]}),
        {ok, #{items := Rows}} = muster:deploy_nodes(#{family => ants, amount => Amount,
                                                       autostart => true}),
        Names = [Name || #{name := Name} <- Rows],
        case wait_up(Names, erlang:monotonic_time(millisecond) + ?WAIT_MS) of
            ok -> {ok, Names};
            {ok, Failed} -> {error, Failed};
            {error, Problem} -> {error, Problem}
        end
    catch
        error:{badmatch, {error, Missing}} -> {error, Missing}
    end.

%% Stops and deletes all of it.
-spec remove() -> muster:reply().
remove() -> muster:delete_family_nodes(#{family => ants}).

%% The second time it is there already, which is as good.
done({ok, _}) -> ok;
done({error, #{code := conflict}}) -> ok;
done({error, Problem}) -> error({badmatch, {error, Problem}}).

wait_up([], _) ->
    ok;
wait_up(Names, Deadline) ->
    receive
        {muster_event, 'topology.node_state', #{data := #{name := Name, state := 'UP'}}} ->
            wait_up(lists:delete(Name, Names), Deadline);
        {muster_event, 'topology.node_state', #{data := #{id := Id, state := 'ERROR'}}} ->
            muster:orch_get_node(#{id => Id});
        {muster_event, _, _} ->
            wait_up(Names, Deadline)
    after max(0, Deadline - erlang:monotonic_time(millisecond)) ->
        {error, #{code => timeout, message => <<"not all nodes came up">>, nodes => Names}}
    end.
