// Alarms of what a node can have too many of, or too much: provoked, and over again.
#include "alarm_test.h"
#include "host_view.h"

namespace muster::test {
namespace {

using std::chrono::seconds;

class AlarmsOfLimits : public AlarmTest {
 protected:
  AlarmsOfLimits()
      : AlarmTest(
            "[alarms.atom_growth]\nwindow = 4\n"
            "[alarms.memory_growth]\nwindow = 4\n"
            "[alarms.binary_growth]\nwindow = 4\n") {}
};

TEST_F(AlarmsOfLimits, FullTables) {
  auto erl = std::make_unique<ErlNode>(
      epmd_, named("t@127.0.0.1", {"+P", "1024", "+Q", "1024", "+t", "30000", "+e", "2000"}));
  add(erl->name());
  erl->eval("Wait = fun() -> receive stop -> ok end end, ok");
  erl->eval("P = [spawn(Wait) || _ <- lists:seq(1, 700)], ok");
  erl->eval("U = [element(2, gen_udp:open(0)) || _ <- lists:seq(1, 750)], ok");
  erl->eval(
      "T = [ets:new(t, []) || _ <- lists:seq(1, trunc(0.75 * erlang:system_info(ets_limit)))], ok");
  erl->eval(
      "[list_to_atom(\"atom\" ++ integer_to_list(N)) || N <- lists:seq(1, trunc(0.75 * "
      "erlang:system_info(atom_limit)) - erlang:system_info(atom_count))], ok");
  raised("process_limit", "minor");
  raised("port_limit", "minor");
  raised("ets_limit", "minor");
  raised("atom_limit", "minor");
  erl->eval("[gen_udp:close(S) || S <- U], [ets:delete(E) || E <- T], [X ! stop || X <- P], ok");
  over("process_limit");
  over("port_limit");
  over("ets_limit");
  erl.reset();  // no atom ever goes
  ErlNode again(epmd_, named("t@127.0.0.1"));
  over("atom_limit");
}

TEST_F(AlarmsOfLimits, OfANodeThatIsNotTouched) {
  ErlNode erl(epmd_, named("n@127.0.0.1", {"+S", "2", "+P", "1024"}));
  add(erl.name(), {{"agents", "none"}});
  erl.eval("erlang:system_flag(schedulers_online, 1)");
  erl.eval("P = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, 700)], ok");
  raised("process_limit", "minor");
  raised("schedulers_offline", "warning");
  EXPECT_EQ(erl.eval("[M || {M, _} <- code:all_loaded(), lists:prefix(\"muster\", "
                     "atom_to_list(M))]"),
            "[]");
  erl.eval("[X ! stop || X <- P], erlang:system_flag(schedulers_online, 2)");
  over("process_limit");
  over("schedulers_offline");
}

TEST_F(AlarmsOfLimits, FilesAndSockets) {
  auto options = named("f@127.0.0.1", {"+Q", "1024"});
  options.through = {"sh", "-c", "ulimit -n 1000; exec \"$@\"", "sh"};
  ErlNode erl(epmd_, options);
  add(erl.name());
  erl.eval("S = [element(2, gen_tcp:listen(0, [])) || _ <- lists:seq(1, 715)], ok");
  erl.eval(
      "F = [element(2, file:open(\"/dev/null\", [read, raw])) || _ <- lists:seq(1, 790 - "
      "length(element(2, file:list_dir(\"/proc/self/fd\"))))], ok");
  raised("open_fd_limit", "minor");
  raised("open_fd_limit_node", "minor");
  raised("open_socket_limit", "minor");
  erl.eval("[gen_tcp:close(X) || X <- S], [file:close(X) || X <- F], ok");
  over("open_fd_limit");
  over("open_fd_limit_node");
  over("open_socket_limit");
}

/// Before 6.2 it does not say how many files are open; listing thousands would be dear.
TEST_F(AlarmsOfLimits, ManyFilesOfAnOldLinux) {
  HostView host;
  host.show("old_linux", "\n");
  auto options = named("o@127.0.0.1");
  options.env = host.env();
  options.through = {"sh", "-c", "ulimit -n 5000; exec \"$@\"", "sh"};
  ErlNode erl(epmd_, options);
  add(erl.name());
  erl.eval(
      "F = [element(2, file:open(\"/dev/null\", [read, raw])) || _ <- lists:seq(1, 4200)], ok");
  raised("open_fd_limit", "minor");
  erl.eval("[file:close(X) || X <- F], ok");
  over("open_fd_limit");
}

TEST_F(AlarmsOfLimits, VeryManyModules) {
  auto erl = std::make_unique<ErlNode>(epmd_, named("m@127.0.0.1", {"+t", "200000"}));
  add(erl->name());
  keep_reading(erl->name(), "modules.loaded");
  erl->eval(R"erl(
    Name = fun(N) -> list_to_atom("m" ++ integer_to_list(1000000 + N)) end,
    {ok, _, Beam} = compile:forms([{attribute, 1, module, Name(0)}], [slim]),
    Plain = case Beam of <<31, 139, _/binary>> -> zlib:gunzip(Beam); _ -> Beam end,
    Prepare = fun(N) ->
        M = Name(N),
        erlang:prepare_loading(M, binary:replace(Plain, <<"m1000000">>, atom_to_binary(M)))
    end, ok)erl");
  erl->eval("ok = erlang:finish_loading([Prepare(N) || N <- lists:seq(1, 46000)])", seconds(60));
  raised("module_limit", "minor");
  erl.reset();  // to purge thousands of so many takes the emulator longer than to start anew
  ErlNode again(epmd_, named("m@127.0.0.1"));
  over("module_limit");
}

TEST_F(AlarmsOfLimits, GrowthOfAtomsMemoryAndBinaries) {
  ErlNode erl(epmd_, named("g@127.0.0.1"));
  add(erl.name());
  for (auto* metric : {"atoms.count", "memory.total", "memory.binary"})
    wait_for_window(erl.name(), metric, seconds(4));
  erl.eval("B = binary:copy(<<1>>, 400000000), ok");
  erl.eval("[list_to_atom(\"new\" ++ integer_to_list(N)) || N <- lists:seq(1, 12000)], ok");
  raised("atom_growth", "minor");
  raised("memory_growth", "warning");
  raised("binary_growth", "minor");
  over("atom_growth");
  over("memory_growth");
  over("binary_growth");
}

TEST_F(AlarmsOfLimits, FragmentedAllocators) {
  ErlNode erl(epmd_, named("a@127.0.0.1"));
  add(erl.name());
  // Three of four binaries go, and all carriers stay.
  erl.eval(R"erl(
    Own = self(),
    Few = fun() ->
        All = [binary:copy(<<N:8>>, 100000) || N <- lists:seq(1, 9000)],
        [B || {N, B} <- lists:zip(lists:seq(1, 9000), All), N rem 4 =:= 0]
    end,
    Holder = spawn(fun() ->
        Kept = Few(),
        garbage_collect(),
        Own ! done,
        receive stop -> length(Kept) end
    end),
    receive done -> ok end)erl");
  raised("allocator_fragmentation", "minor");
  erl.eval("Holder ! stop");
  over("allocator_fragmentation");
}

TEST_F(AlarmsOfLimits, MemoryOfTheHost) {
  HostView host;
  auto options = named("h@127.0.0.1");
  options.env = host.env();
  ErlNode erl(epmd_, options);
  erl.eval(R"erl(
    Resident = fun() ->
        {ok, Text} = file:read_file("/proc/self/status"),
        {match, [Kb]} = re:run(Text, "VmRSS:\\s+([0-9]+)", [{capture, [1], list}]),
        list_to_integer(Kb)
    end, ok)erl");
  auto memory = [&](double share) {
    auto resident = std::stod(erl.eval("Resident()"));
    host.show("meminfo",
              "MemTotal:       " + std::to_string(static_cast<long>(resident / share)) + " kB\n");
  };
  memory(0.1);
  add(erl.name());
  memory(0.95);
  raised("memory_limit", "major");
  memory(0.1);
  over("memory_limit");
  // And of a container on it.
  auto resident = std::stod(erl.eval("Resident()"));
  host.show("memory.max", std::to_string(static_cast<long>(resident * 1024 / 0.95)) + "\n");
  raised("memory_limit", "major");
  host.show("memory.max", "max\n");
  over("memory_limit");
}

}  // namespace
}  // namespace muster::test
