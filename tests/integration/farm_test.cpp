// The farm of simulated nodes, seen from a real shell: what it shows about 10,000 nodes must hold
// for real ones.
#include <gtest/gtest.h>

#include "erl.h"
#include "ports.h"

namespace muster::test {
namespace {

class Farm : public testing::Test {
 protected:
  Farm() : epmd_(free_port()) {
    write_file(dir_ / "cookie", "cookie", 0400);
    Command command;
    command.argv = {MUSTER_FARM,       "--nodes",       "300",          "--epmd-port",
                    epmd_.port_text(), "--cookie-file", dir_ / "cookie"};
    command.output = dir_ / "log";
    farm_ = std::make_unique<Process>(command);
    if (!farm_->wait_for_output("ready", std::chrono::seconds(10)))
      throw std::runtime_error(farm_->output());
  }

  TempDir dir_;
  Epmd epmd_;
  std::unique_ptr<Process> farm_;
};

TEST_F(Farm, AnswersAsNodesDo) {
  ErlNode shell(epmd_, {});
  EXPECT_EQ(shell.eval("net_adm:ping('f1@127.1.0.1')"), "pong");
  EXPECT_EQ(shell.eval("net_adm:ping('f300@127.1.1.44')"), "pong");
  EXPECT_EQ(shell.eval("net_adm:ping('f301@127.1.1.45')"), "pang");
  EXPECT_EQ(shell.eval("net_adm:ping('f1@127.1.0.2')"), "pang");
  EXPECT_EQ(shell.eval("lists:sort(nodes())"), "['f1@127.1.0.1','f300@127.1.1.44']");
  EXPECT_EQ(shell.eval("erpc:call('f1@127.1.0.1', erlang, system_info, [otp_release])"), "\"27\"");
  EXPECT_EQ(shell.eval("erpc:call('f7@127.1.0.7', erlang, node, [])"), "'f7@127.1.0.7'");
  EXPECT_EQ(shell.eval("rpc:call('f7@127.1.0.7', lists, map, [fun erlang:system_info/1, "
                       "[otp_release, version]])"),
            "[\"27\",\"15.2.7\"]");
  EXPECT_EQ(shell.eval("rpc:call('f7@127.1.0.7', no, such, [1])"),
            "{badrpc,{'EXIT',{undef,[{no,such,[1],[]}]}}}");
  EXPECT_EQ(shell.eval("R = monitor(process, {nosuch, 'f7@127.1.0.7'}),"
                       "receive {'DOWN', R, process, _, Why} -> Why after 5000 -> nothing end"),
            "noproc");
}

TEST_F(Farm, RefusesAWrongCookie) {
  ErlOptions options;
  options.cookie = "wrong";
  ErlNode shell(epmd_, options);
  EXPECT_EQ(shell.eval("net_adm:ping('f1@127.1.0.1')"), "pang");
}

TEST_F(Farm, TicksAsNodesDo) {
  ErlOptions options;
  options.args = {"-kernel", "net_ticktime", "24"};
  ErlNode shell(epmd_, options);
  EXPECT_EQ(shell.eval("net_adm:ping('f1@127.1.0.1')"), "pong");
  EXPECT_EQ(shell.eval("monitor_node('f1@127.1.0.1', true), receive X -> X after 32000 -> up end",
                       std::chrono::seconds(40)),
            "up");
}

}  // namespace
}  // namespace muster::test
