// Alarms that only a look at several nodes shows, and Mnesia's: provoked, and over again.
#include "alarm_test.h"

namespace muster::test {
namespace {

class AlarmsOfFamilies : public AlarmTest {
 protected:
  AlarmsOfFamilies() : AlarmTest(tuning()) {}

  static std::string tuning() {
    std::string text;
    for (auto* rule :
         {"different_module_versions", "missing_module", "different_application_versions",
          "missing_application", "different_timezones", "global_config_missing",
          "inconsistent_global_config", "partial_partition", "mnesia_node_down"})
      text += "[alarms." + std::string(rule) + "]\nhold = 1\n";
    return text;
  }
};

TEST_F(AlarmsOfFamilies, NodesThatDiffer) {
  TempDir dir;
  auto boot = (dir / "shop").string();
  ErlNode builder(epmd_, named("builder@127.0.0.1"));
  builder.eval("Boot = \"" + boot + "\"");
  auto made = builder.eval(R"erl(
    Vsn = fun(A) -> _ = application:load(A), {ok, V} = application:get_key(A, vsn), {A, V} end,
    Rel = {release, {"shop", "1"}, {erts, erlang:system_info(version)}, [Vsn(kernel), Vsn(stdlib)]},
    ok = file:write_file(Boot ++ ".rel", io_lib:format("~p.~n", [Rel])),
    systools:make_script(Boot, [silent]),
    filelib:is_regular(Boot ++ ".boot"))erl");
  ASSERT_EQ(made, "true");
  auto module = [&](const std::string& name, const std::string& version) {
    return builder.eval("element(3, {ok, _, _} = compile:forms([{attribute, 1, module, " + name +
                        "}, {attribute, 1, export, [{v, 0}]}, {function, 1, v, 0, [{clause, 1, [], "
                        "[], [{integer, 1, " +
                        version + "}]}]}]))");
  };
  auto cart = module("cart", "1"), other_cart = module("cart", "2"), till = module("till", "1");
  auto load = [](ErlNode& node, const std::string& name, const std::string& beam) {
    auto loaded = node.eval("code:load_binary(" + name + ", \"x\", " + beam + ")");
    EXPECT_EQ(loaded, "{module," + name + "}");
  };
  auto start = [](ErlNode& node, const std::string& application, const std::string& version) {
    auto started =
        node.eval("application:load({application, " + application + ", [{vsn, \"" + version +
                  "\"}, {applications, []}]}), application:start(" + application + ")");
    EXPECT_EQ(started, "ok");
  };
  auto first = named("one@127.0.0.1", {"-mode", "embedded", "-kernel", "limit", "1"});
  auto second = named("two@127.0.0.1",
                      {"-mode", "embedded", "-kernel", "limit", "2", "-kernel", "extra", "true"});
  first.boot = second.boot = boot;
  first.env = {{"TZ", "UTC"}};
  second.env = {{"TZ", "UTC-2"}};
  ErlNode one(epmd_, first);
  auto two = std::make_unique<ErlNode>(epmd_, second);
  load(one, "cart", cart);
  load(*two, "cart", other_cart);
  load(one, "till", till);
  start(one, "store", "1");
  start(*two, "store", "2");
  start(one, "office", "1");
  add(one.name());
  add(two->name());
  keep_looking(one);
  keep_looking(*two);
  auto config = raised("inconsistent_global_config", "major");
  ASSERT_TRUE(config.is_object());
  EXPECT_EQ(config.at("scope"), "family");
  EXPECT_TRUE(config.at("additional_information").as_object().contains("kernel.limit"));
  raised("global_config_missing", "major");
  auto missing = raised("missing_application", "warning");
  ASSERT_TRUE(missing.is_object());
  EXPECT_TRUE(missing.at("additional_information").as_object().contains("office"));
  raised("different_application_versions", "warning");
  raised("different_module_versions", "warning");
  raised("missing_module", "warning");
  raised("different_timezones", "warning");

  two->eval("application:set_env(kernel, limit, 1), application:unset_env(kernel, extra)");
  two->eval("application:stop(store), application:unload(store)");
  start(*two, "store", "1");
  start(*two, "office", "1");
  load(*two, "cart", cart);
  load(*two, "till", till);
  over("inconsistent_global_config");
  over("global_config_missing");
  over("missing_application");
  over("different_application_versions");
  over("different_module_versions");
  over("missing_module");
  stop_looking();
  two.reset();  // a time zone is read at start
  second.env = first.env;
  two = std::make_unique<ErlNode>(epmd_, second);
  over("different_timezones");
}

TEST_F(AlarmsOfFamilies, NodesThatDoNotSeeEachOther) {
  std::vector<std::unique_ptr<ErlNode>> nodes;
  for (auto* name : {"a@127.0.0.1", "b@127.0.0.1", "c@127.0.0.1", "d@127.0.0.1"}) {
    nodes.push_back(std::make_unique<ErlNode>(epmd_, named(name, {"-connect_all", "false"})));
    for (auto& other : nodes)
      if (other->name() != name && !(other->name()[0] == 'a' && name[0] == 'd'))
        EXPECT_EQ(other->eval("net_adm:ping('" + std::string(name) + "')"), "pong");
    add(name);
    keep_looking(*nodes.back());
  }
  raised("partial_partition", "major");
  nodes[0]->eval("net_adm:ping('d@127.0.0.1')");
  over("partial_partition");
}

TEST_F(AlarmsOfFamilies, MnesiaOnSeveralNodes) {
  auto options = [](const std::string& name) { return named(name, {"-connect_all", "false"}); };
  ErlNode a(epmd_, options("a@127.0.0.1"));
  auto b = std::make_unique<ErlNode>(epmd_, options("b@127.0.0.1"));
  auto join = [&] {
    EXPECT_EQ(b->eval("mnesia:start(), mnesia:change_config(extra_db_nodes, ['a@127.0.0.1'])"),
              "{ok,['a@127.0.0.1']}");
  };
  a.eval("mnesia:start()");
  join();
  EXPECT_EQ(a.eval("mnesia:create_table(t, [{ram_copies, ['a@127.0.0.1', 'b@127.0.0.1']}])"),
            "{atomic,ok}");
  add(a.name());
  b.reset();
  raised("mnesia_node_down", "major");
  b = std::make_unique<ErlNode>(epmd_, options("b@127.0.0.1"));
  join();
  over("mnesia_node_down");
  a.eval("erlang:disconnect_node('b@127.0.0.1')");
  a.eval(
      "[timer:sleep(50) || _ <- lists:seq(1, 100), mnesia:system_info(running_db_nodes) =/= "
      "[node()]], "
      "ok");
  EXPECT_EQ(a.eval("net_adm:ping('b@127.0.0.1')"), "pong");
  raised("mnesia_inconsistent", "major");
  a.eval("mnesia:stop()");
  over("mnesia_inconsistent");
}

TEST_F(AlarmsOfFamilies, MnesiaThatCannotKeepUp) {
  TempDir dir;
  ErlNode erl(epmd_, named("m@127.0.0.1"));
  erl.eval("application:set_env(mnesia, dir, \"" + (dir / "mnesia").string() + "\")");
  erl.eval(
      "application:set_env(mnesia, dump_log_write_threshold, 1), mnesia:create_schema([node()])");
  erl.eval("mnesia:start(), {atomic, ok} = mnesia:create_table(t, [{disc_copies, [node()]}])");
  add(erl.name());
  wait_for_agent(erl, "alarms");
  erl.eval(
      "[spawn(fun() -> [mnesia:transaction(fun() -> mnesia:write({t, {P, N}, 1}) end) || N <- "
      "lists:seq(1, 200)] end) || P <- lists:seq(1, 10)], ok");
  raised("mnesia_overload", "major");
  erl.eval("mnesia:stop()");
  over("mnesia_overload");
}

}  // namespace
}  // namespace muster::test
