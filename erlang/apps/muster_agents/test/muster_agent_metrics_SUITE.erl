%% The agent "metrics" and schemas/metrics.json agree: every row is answered on a real node, and every
%% name that WombatOAM published is a row or left out for a reason. Libraries on the node are found.
-module(muster_agent_metrics_SUITE).
-include_lib("common_test/include/ct.hrl").
-include_lib("stdlib/include/assert.hrl").

-export([all/0, init_per_suite/1, end_per_suite/1, init_per_testcase/2, end_per_testcase/2]).
-export([every_name_of_wombatoam_is_there_or_left_out/1, names_and_series_are_unique/1,
         rows_are_well_formed/1, every_row_is_answered/1, stock_calls_say_the_same/1,
         a_pass_is_cheap/1, folsom_is_found/1, telemetry_is_found/1,
         a_library_that_hangs_is_left/1, libraries_can_be_live/1, a_busy_node_says_how_busy/1,
         many_metrics_of_users_take_turns/1]).
%% Called on the peer.
-export([lease/2, pass/0, reductions_of_a_pass/0, make_folsom/1, fake_telemetry/0, telemetry_handlers/0,
         hanging_telemetry/0, hang/0, burn/0]).

all() ->
    [every_name_of_wombatoam_is_there_or_left_out, names_and_series_are_unique,
     rows_are_well_formed, every_row_is_answered, stock_calls_say_the_same, a_pass_is_cheap,
     folsom_is_found, telemetry_is_found, a_library_that_hangs_is_left, libraries_can_be_live,
     a_busy_node_says_how_busy, many_metrics_of_users_take_turns].

init_per_suite(Config) ->
    Epmd = muster_test_nodes:start_epmd(),
    File = filename:join(filename:dirname(source()), "../../../../schemas/metrics.json"),
    {ok, Text} = file:read_file(File),
    [{epmd, Epmd}, {catalogue, muster_test_json:decode(Text)} | Config].

end_per_suite(Config) -> muster_test_nodes:stop_epmd(?config(epmd, Config)).

init_per_testcase(_, Config) ->
    [{node, muster_test_nodes:start("managed", [])} | Config].

end_per_testcase(_, Config) -> muster_test_nodes:stop(?config(node, Config)).

%%% The catalogue

every_name_of_wombatoam_is_there_or_left_out(Config) ->
    {ok, Text} = file:read_file(filename:join(?config(data_dir, Config), "wombat_names.txt")),
    Names = string:lexemes(Text, "\n"),
    Here = [Name || #{<<"wombat">> := Name} <- rows(Config) ++ left_out(Config)],
    ?assertEqual([], Names -- Here),
    ?assertEqual([], Here -- Names),
    [?assert(byte_size(Why) > 10) || #{<<"why">> := Why} <- left_out(Config)].

names_and_series_are_unique(Config) ->
    unique([Name || #{<<"name">> := Name} <- rows(Config)]),
    unique([{Name, maps:get(<<"labels">>, P, #{})}
            || #{<<"prometheus">> := #{<<"name">> := Name} = P} <- rows(Config)]).

rows_are_well_formed(Config) ->
    [begin
         #{<<"name">> := Name, <<"unit">> := _, <<"kind">> := Kind, <<"read">> := Read,
           <<"cost">> := Cost, <<"since">> := Since, <<"doc">> := Doc,
           <<"prometheus">> := #{<<"name">> := Series, <<"type">> := Type}} = Row,
         ?assert(lists:member(Kind, [<<"counter">>, <<"gauge">>]), Name),
         ?assert(lists:member(Type, [<<"counter">>, <<"gauge">>, <<"untyped">>]), Name),
         ?assert(lists:member(Cost, [<<"cheap">>, <<"normal">>, <<"slow">>]), Name),
         ?assert(Since >= 22 andalso byte_size(Doc) > 3, Name),
         ?assertMatch({match, _}, re:run(Series, "^(erlang_vm|erlang_mnesia|muster)_[a-z0-9_]+$")),
         Stars = [S || S <- path(Read), S =:= <<"*">>],
         case maps:get(<<"source">>, Row, <<"values">>) of
             <<"values">> -> ?assertEqual(length(Stars),
                                          length(maps:get(<<"labels">>, Row, [])), Name);
             Source -> ?assert(lists:member(Source, [<<"agent">>, <<"notifications">>, <<"alarms">>,
                                                     <<"daemon">>]), Name)
         end
     end || Row <- rows(Config)].

%%% On a node

every_row_is_answered(Config) ->
    Node = ?config(node, Config),
    Other = muster_test_nodes:start("peer", []),
    try
        true = peer:call(Node, net_kernel, connect_node, [muster_test_nodes:name(Other)]),
        Dir = filename:join(?config(priv_dir, Config), "mnesia"),
        ok = peer:call(Node, application, set_env, [mnesia, dir, Dir]),
        ok = peer:call(Node, application, start, [mnesia]),
        [ok = peer:call(Node, application, start, [App]) || App <- [sasl, os_mon]],
        {ok, _} = peer:call(Node, pg, start, [pg]),
        {ok, _} = peer:call(Node, gen_udp, open, [0]),
        #{} = peer:call(Node, socket, info, []),
        %% disksup looks when it starts, in its own time.
        muster_test_nodes:until(true, fun() ->
                                              [] =/= peer:call(Node, disksup, get_disk_data, [])
                                      end),
        ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
        #{values := _} = peer:call(Node, ?MODULE, pass, [], 20000),
        Sample = peer:call(Node, ?MODULE, pass, [], 20000),
        Otp = list_to_integer(erlang:system_info(otp_release)),
        ?assertEqual(none, maps:get(backed_off, maps:get(agent, Sample))),
        ct:pal("lacking ~p, ~b bytes", [maps:get(lacking, Sample), erlang:external_size(Sample)]),
        [begin
             Answers = answers(Row, Sample),
             ?assertNotEqual({Name, []}, {Name, Answers}),
             [?assert(is_number(A), {Name, A}) || A <- Answers]
         end || #{<<"name">> := Name, <<"since">> := Since} = Row <- rows(Config),
                Otp >= Since, Otp =< maps:get(<<"until">>, Row, Otp),
                lists:member(maps:get(<<"source">>, Row, <<"agent">>), [<<"agent">>]),
                not lists:member(maps:get(<<"needs">>, Row, none),
                                 [<<"msacc extra states">>, <<"TLS peer">>])]
    after
        muster_test_nodes:stop(Other)
    end.

%% What a daemon asks where it may load nothing. Not compared where it moves from call to call.
stock_calls_say_the_same(Config) ->
    Node = ?config(node, Config),
    Sample = peer:call(Node, muster_agent_metrics, sample, [#{}]),
    Fixed = [begin
                 Answer = stock(Node, Stock, path(maps:get(<<"stock_path">>, Row, <<>>))),
                 ?assert(is_number(Answer) orelse is_boolean(Answer), {Name, Answer}),
                 [{Name, Answer} || [A] <- [answers(Row, Sample)], A =:= Answer]
             end || #{<<"stock">> := Stock, <<"name">> := Name} = Row <- rows(Config),
                    not lists:member(maps:get(<<"needs">>, Row, none), [<<"mnesia">>, <<"pg">>])],
    ?assert(length(lists:append(Fixed)) > 30).

%% About 15,000 reductions. The time of a busy machine says little; the bench measures it.
a_pass_is_cheap(Config) ->
    Reductions = [peer:call(?config(node, Config), ?MODULE, reductions_of_a_pass, []) || _ <- lists:seq(1, 11)],
    ?assert(lists:nth(6, lists:sort(Reductions)) < 40000, Reductions).

%%% Libraries

folsom_is_found(Config) ->
    case code:which(folsom_metrics) of
        non_existing -> {skip, "no folsom: Debian's erlang-folsom"};
        _ ->
            Node = ?config(node, Config),
            ok = peer:call(Node, ?MODULE, make_folsom, [3]),
            ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
            Found = folsom_until(10, Node, 20, #{}),
            #{counter := {counter, 5}, gauge := {gauge, 42}, counter_1 := {counter, 1},
              meter := {meter, #{count := 7}}, spiral := {spiral, #{count := 2}},
              history := {history, [[#{at := _, event := <<"\"an event\"">>}]]},
              duration := {duration, #{count := 1}},
              histogram := {histogram, #{min := 10, max := 30, n := 6, percentile := Percentiles,
                                         histogram := Bins}}} = Found,
            ?assertMatch(#{50 := _, 99 := _}, Percentiles),
            ?assertEqual(6, lists:sum(maps:values(Bins)))
    end.

%% A pass on a busy machine leaves some for the next.
folsom_until(Wanted, _, _, Found) when map_size(Found) =:= Wanted -> Found;
folsom_until(Wanted, Node, Most, Found) when Most > 0 ->
    #{values := #{user := User}} = peer:call(Node, ?MODULE, pass, [], 20000),
    New = maps:from_list([{Name, {Kind, Value}} || {folsom, Name, Kind, Value} <- User]),
    folsom_until(Wanted, Node, Most - 1, maps:merge(Found, New)).

%% By a stand-in with telemetry's table and calls.
telemetry_is_found(Config) ->
    Node = ?config(node, Config),
    ok = peer:call(Node, ?MODULE, fake_telemetry, []),
    ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
    #{values := _} = peer:call(Node, ?MODULE, pass, [], 20000),
    ?assertEqual(2, peer:call(Node, ?MODULE, telemetry_handlers, [])),
    [ok = peer:call(Node, telemetry, execute, [[web, stop], #{duration => D, size => 1.5}, #{}])
     || D <- [10, 20]],
    #{values := #{user := User}} = peer:call(Node, ?MODULE, pass, [], 20000),
    ?assertEqual([{telemetry, [web, stop], counter, 2},
                  {telemetry, [web, stop, duration], measurement,
                   #{count => 2, sum => 30, last => 20}},
                  {telemetry, [web, stop, size], measurement, #{count => 2, sum => 2, last => 1}}],
                 lists:sort(User)),
    true = peer:call(Node, erlang, exit, [peer:call(Node, erlang, whereis, [muster_agent_metrics]),
                                          kill]),
    muster_test_nodes:until(1, fun() -> peer:call(Node, ?MODULE, telemetry_handlers, []) end),
    ok = peer:call(Node, telemetry, execute, [[web, stop], #{duration => 1}, #{}]).

libraries_can_be_live(Config) ->
    Node = ?config(node, Config),
    ok = peer:call(Node, ?MODULE, fake_telemetry, []),
    ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 600000]),
    _ = peer:call(Node, ?MODULE, pass, [], 20000),
    Holder = peer:call(Node, erlang, whereis, [holder]),
    _ = peer:call(Node, erlang, send, [muster_agent_metrics,
                                       {muster_agent_settings, Holder, #{live => [user]}}]),
    #{interval_ms := 1000, values := Values} = peer:call(Node, ?MODULE, pass, [], 20000),
    ?assertEqual(#{user => [{telemetry, [web, stop], counter, 0}]}, Values).

%% Long run queues keep it from reading what is dear, not from reading what tells of them.
a_busy_node_says_how_busy(Config) ->
    Node = ?config(node, Config),
    Burners = peer:call(Node, ?MODULE, burn, []),
    ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
    _ = peer:call(Node, ?MODULE, pass, [], 20000),
    #{agent := Agent, values := Values} = peer:call(Node, ?MODULE, pass, [], 20000),
    true = peer:call(Node, erlang, exit, [Burners, kill], 20000),
    ?assertMatch(#{backed_off := run_queue, backing_off := 1}, Agent),
    #{scheduler_utilization := Share, os_process := #{resident_kb := _, open_files := Files}} = Values,
    ?assert(Share > 0.9),
    ?assert(Files > 3),
    ?assertEqual(none, maps:get(allocators, Values, none)).

%% The process that asks it ends with the agent, even when that is killed.
a_library_that_hangs_is_left(Config) ->
    Node = ?config(node, Config),
    ok = peer:call(Node, ?MODULE, hanging_telemetry, []),
    ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
    Asking = fun() -> length(peer:call(Node, ?MODULE, hang, [])) end,
    muster_test_nodes:until(1, Asking),
    true = peer:call(Node, erlang, exit, [peer:call(Node, erlang, whereis, [muster_agent_metrics]),
                                          kill]),
    muster_test_nodes:until(0, Asking).

many_metrics_of_users_take_turns(Config) ->
    case code:which(folsom_metrics) of
        non_existing -> {skip, "no folsom: Debian's erlang-folsom"};
        _ ->
            Node = ?config(node, Config),
            ok = peer:call(Node, ?MODULE, make_folsom, [2500]),
            ok = peer:call(Node, ?MODULE, lease, [muster_agent_metrics, 1000]),
            Passes = passes_until(2507, Node, 20, []),
            ct:pal("all of 2507 in ~b passes", [Passes])
    end.

%% How many passes it takes until that many metrics have been told.
passes_until(Wanted, Node, Most, Before) ->
    #{values := #{user := User}, lacking := #{user := Left}} =
        peer:call(Node, ?MODULE, pass, [], 20000),
    ?assert(length(User) =< 1000),
    ?assertMatch({not_read, N} when N + length(User) >= Wanted, Left),
    Told = lists:usort([Name || {folsom, Name, _, _} <- User] ++ Before),
    ?assert(Most > 1 orelse length(Told) =:= Wanted),
    case length(Told) of
        Wanted -> 1;
        _ -> 1 + passes_until(Wanted, Node, Most - 1, Told)
    end.

%%% On the peer

%% A process that keeps the lease and the samples.
lease(Module, Interval) ->
    Self = self(),
    Holder = spawn(fun() ->
                           {ok, _} = Module:start(#{pid => self(), interval_ms => Interval}),
                           true = register(holder, self()),
                           Self ! {self(), ready},
                           receive after infinity -> ok end
                   end),
    receive {Holder, ready} -> ok after 30000 -> error(no_lease) end.

%% The next sample.
pass() -> pass_at(erlang:monotonic_time(millisecond) + 5000).

pass_at(Deadline) ->
    {messages, Messages} = process_info(whereis(holder), messages),
    Seen = persistent_term:get(seen, 0),
    case length(Messages) > Seen of
        true ->
            persistent_term:put(seen, Seen + 1),
            {muster_agent, metrics, _, Sample} = lists:nth(Seen + 1, Messages),
            Sample;
        false ->
            erlang:monotonic_time(millisecond) < Deadline orelse error(no_sample),
            timer:sleep(20),
            pass_at(Deadline)
    end.

reductions_of_a_pass() ->
    {reductions, Before} = process_info(self(), reductions),
    _ = muster_agent_metrics:sample(#{}),
    {reductions, After} = process_info(self(), reductions),
    After - Before.

%% In a process that stays: a history's table belongs to its maker.
make_folsom(Counters) ->
    {ok, _} = application:ensure_all_started(folsom),
    Self = self(),
    Maker = spawn(fun() ->
                          Self ! {self(), make_metrics(Counters)},
                          receive after infinity -> ok end
                  end),
    receive {Maker, Made} -> Made after 30000 -> error(not_made) end.

make_metrics(Counters) ->
    New = [{new_counter, counter}, {new_gauge, gauge}, {new_meter, meter}, {new_spiral, spiral},
           {new_history, history}, {new_histogram, histogram}, {new_duration, duration}],
    [ok = folsom_metrics:F(Name) || {F, Name} <- New],
    ok = folsom_metrics:notify({counter, {inc, 5}}),
    ok = folsom_metrics:notify({gauge, 42}),
    ok = folsom_metrics:notify({meter, 7}),
    [ok = folsom_metrics:notify({spiral, 1}) || _ <- [1, 2]],
    ok = folsom_metrics:notify({history, "an event"}),
    [ok = folsom_metrics:notify({histogram, V}) || V <- [10, 20, 30, 10, 20, 30]],
    ok = folsom_metrics:notify({duration, timer_start}),
    ok = folsom_metrics:notify({duration, timer_end}),
    [begin
         Name = list_to_atom("counter_" ++ integer_to_list(I)),
         ok = folsom_metrics:new_counter(Name),
         ok = folsom_metrics:notify({Name, {inc, 1}})
     end || I <- lists:seq(1, Counters)],
    ok.

%% Module `telemetry` with one handler attached to [web, stop].
fake_telemetry() ->
    fake_telemetry(["-module(telemetry).",
                    "-export([list_handlers/1, attach/4, detach/1, execute/3]).",
                    "list_handlers([]) -> [#{id => I, event_name => E} || "
                    "{E, I, _, _} <- ets:tab2list(telemetry_handler_table)].",
                    "attach(I, E, F, C) -> ets:insert(telemetry_handler_table, {E, I, F, C}), ok.",
                    "detach(I) -> ets:match_delete(telemetry_handler_table, {'_', I, '_', '_'}), ok.",
                    "execute(E, V, M) -> [F(E, V, M, C) || "
                    "{_, _, F, C} <- ets:lookup(telemetry_handler_table, E)], ok."]),
    apply(telemetry, attach, [theirs, [web, stop], fun(_, _, _, _) -> ok end, none]).

%% Module `telemetry` that does not answer.
hanging_telemetry() ->
    fake_telemetry(["-module(telemetry).", "-export([list_handlers/1]).",
                    "list_handlers([]) -> receive never -> [] end."]).

%% More than its schedulers can run, until the one that is returned ends.
burn() ->
    N = 8 * erlang:system_info(schedulers_online),
    spawn(fun() ->
                  _ = [spawn_link(fun Burn() -> Burn() end) || _ <- lists:seq(1, N)],
                  receive after infinity -> ok end
          end).

%% Who waits for it.
hang() ->
    [P || P <- processes(),
          process_info(P, current_function) =:= {current_function, {telemetry, list_handlers, 1}}].

fake_telemetry(Lines) ->
    Forms = [begin
                 {ok, Tokens, _} = erl_scan:string(Text),
                 {ok, Form} = erl_parse:parse_form(Tokens),
                 Form
             end || Text <- Lines],
    {ok, Module, Beam} = compile:forms(Forms),
    {module, Module} = code:load_binary(Module, "telemetry.beam", Beam),
    Self = self(),
    spawn(fun() ->
                  telemetry_handler_table = ets:new(telemetry_handler_table,
                                                    [named_table, public, duplicate_bag]),
                  true = register(telemetry_handler_table, self()),
                  Self ! made,
                  receive after infinity -> ok end
          end),
    receive made -> ok end.

telemetry_handlers() -> ets:info(telemetry_handler_table, size).

%%% Helpers

source() -> proplists:get_value(source, ?MODULE:module_info(compile)).

rows(Config) -> maps:get(<<"metrics">>, ?config(catalogue, Config)).

left_out(Config) -> maps:get(<<"left_out">>, ?config(catalogue, Config)).

unique(List) -> ?assertEqual([], List -- lists:usort(List)).

path(Text) -> binary:split(Text, <<".">>, [global, trim_all]).

answers(#{<<"source">> := <<"agent">>, <<"read">> := <<"agent.", Read/binary>>},
        #{agent := Agent}) ->
    at(path(Read), Agent);
answers(#{<<"read">> := Read}, #{values := Values}) ->
    at(path(Read), Values).

at([], Value) -> [Value];
at([<<"*">> | Rest], Map) -> lists:append([at(Rest, V) || V <- maps:values(Map)]);
at([Key | Rest], Map) ->
    case Map of
        #{} -> lists:append([at(Rest, V) || {K, V} <- maps:to_list(Map),
                                            is_atom(K) andalso atom_to_binary(K, utf8) =:= Key])
    end.

stock(Node, Text, Path) ->
    {ok, Tokens, _} = erl_scan:string(binary_to_list(Text) ++ "."),
    {ok, [{call, _, {remote, _, {atom, _, M}, {atom, _, F}}, Args}]} = erl_parse:parse_exprs(Tokens),
    stock_at(Path, peer:call(Node, M, F, [erl_parse:normalise(A) || A <- Args])).

stock_at([], Value) -> Value;
stock_at([<<"#">>], List) -> length(List);
stock_at([Step | Rest], Value) when is_tuple(Value) ->
    stock_at(Rest, element(binary_to_integer(Step), Value));
stock_at([Step | Rest], Value) ->
    Pairs = case Value of #{} -> maps:to_list(Value); _ -> Value end,
    [Found] = [element(2, Pair) || Pair <- Pairs, atom_to_binary(element(1, Pair), utf8) =:= Step],
    stock_at(Rest, Found).
