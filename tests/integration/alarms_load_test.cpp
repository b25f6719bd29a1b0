// Alarms of work that waits, of clocks and of the host: provoked, and over again.
#include "alarm_test.h"
#include "host_view.h"

namespace muster::test {
namespace {

using namespace std::chrono_literals;

class AlarmsOfLoad : public AlarmTest {
 protected:
  AlarmsOfLoad()
      : AlarmTest(
            "[alarms.run_queue]\nhold = 2\n"
            "[alarms.dirty_io_run_queue]\nhold = 1\n"
            "[alarms.dirty_cpu_run_queue]\nhold = 1\n"
            "[alarms.gc_share]\nhold = 1\nwindow = 2\n"
            "[alarms.os_cpu_load]\nwindow = 2\n") {}
};

TEST_F(AlarmsOfLoad, Schedulers) {
  ErlNode erl(epmd_, named("s@127.0.0.1", {"+S", "1"}));
  add(erl.name());
  erl.eval("Burn = fun Burn() -> lists:seq(1, 100), Burn() end, ok");
  erl.eval("P = [spawn(Burn) || _ <- [1, 2, 3]], ok");
  raised("run_queue", "minor");
  raised("scheduler_utilization", "minor");
  erl.eval("[exit(X, kill) || X <- P], ok");
  over("run_queue");
  over("scheduler_utilization");
}

TEST_F(AlarmsOfLoad, DirtySchedulers) {
  ErlNode erl(epmd_, named("d@127.0.0.1", {"+S", "1", "+SDcpu", "1", "+SDio", "1"}));
  add(erl.name());
  // Each of these keeps its scheduler for 5 ms: what else waits there gets its turn.
  erl.eval("Again = fun A(F) -> erts_debug:F(wait, 5), A(F) end, ok");
  erl.eval(
      "P = [spawn(fun() -> Again(F) end) || F <- [dirty_cpu, dirty_io], _ <- lists:seq(1, 16)]"
      ", ok");
  raised("dirty_cpu_run_queue", "minor");
  raised("dirty_io_run_queue", "minor");
  erl.eval("[exit(X, kill) || X <- P], ok");
  over("dirty_cpu_run_queue");
  over("dirty_io_run_queue");
}

TEST_F(AlarmsOfLoad, GarbageCollection) {
  ErlNode erl(epmd_, named("g@127.0.0.1", {"+S", "1"}));
  add(erl.name());
  erl.eval("Collect = fun C(L) -> garbage_collect(), C(L) end, ok");
  erl.eval("P = spawn(fun() -> Collect(lists:seq(1, 20000)) end), ok");
  raised("gc_share", "minor");
  erl.eval("exit(P, kill)");
  over("gc_share");
}

TEST_F(AlarmsOfLoad, SchedulersOffline) {
  ErlNode erl(epmd_, named("o@127.0.0.1", {"+S", "2"}));
  erl.eval("erlang:system_flag(schedulers_online, 1)");
  add(erl.name());
  raised("schedulers_offline", "warning");
  erl.eval("erlang:system_flag(schedulers_online, 2)");
  over("schedulers_offline");
}

TEST_F(AlarmsOfLoad, QueuesOfTheSystemsOwnProcesses) {
  ErlNode erl(epmd_, named("q@127.0.0.1"));
  add(erl.name());
  wait_for_agent(erl, "notifications");
  erl.eval("Logger = whereis(logger), erlang:suspend_process(Logger)");
  erl.eval("[Logger ! unexpected || _ <- lists:seq(1, 600)], ok");
  raised("system_process_queue", "minor");
  raised("logger_overload", "minor");
  erl.eval("erlang:resume_process(Logger)");
  over("system_process_queue");
  over("logger_overload");
}

TEST_F(AlarmsOfLoad, ClocksAndProcessorsOfTheHost) {
  HostView host;
  auto options = named("h@127.0.0.1");
  options.env = host.env();
  auto busy = [&](long ticks) {
    host.show("stat", "cpu  " + std::to_string(ticks) + " 0 0 1000 0 0 0 0\n");
  };
  busy(1000);
  host.show("loadavg", "0.10 0.10 0.10 1/100 1000\n");
  ErlNode erl(epmd_, options);
  add(erl.name());
  wait_for_window(erl.name(), "host.cpu.busy", 2s);  // of the processors' rate
  busy(1'000'000'000);
  host.show("loadavg", "1000.0 1000.0 1000.0 1/100 1000\n");
  host.set_clock(20s);
  raised("os_cpu_load", "major");
  raised("cpu_overload", "major");
  raised("clock_ahead", "minor");
  host.set_clock(0s);
  host.show("loadavg", "0.10 0.10 0.10 1/100 1000\n");
  over("clock_ahead");
  over("cpu_overload");
  over("os_cpu_load");
  host.set_clock(-20s);
  raised("clock_behind", "minor");
  host.set_clock(0s);
  over("clock_behind");
}

}  // namespace
}  // namespace muster::test
