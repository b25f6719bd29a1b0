#pragma once

#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "base/timeout.h"
#include "drivers/host.h"
#include "services/orchestration/deployment_rows.h"
#include "services/orchestration/node_manager.h"

namespace muster::orchestration {

/// A host that understands our scripts by what is particular to each, and keeps what they leave.
/// What it does outlives the daemon, as on a real machine.
class FakeHost final : public drivers::Host {
 public:
  std::set<std::string> files, folders, running;  ///< running: ids of nodes
  std::map<std::string, std::string> failing;     ///< script part -> output of its failure
  std::vector<std::string> log;                   ///< "upload", "unpack", "start", …
  int unreachable = 0;                            ///< so many commands find no connection
  std::map<std::string, int> lost;  ///< script part -> so many of these lose the connection
  std::set<std::string> enabled;    ///< ids of nodes with a unit that a boot would start
  int started_twice = 0;
  std::uint64_t uploaded = 0;  ///< bytes, the last time
  std::string unpack;          ///< the last script that did
  bool is_slow = false;        ///< unpacking takes as long as this is so
  bool is_mute = false;        ///< nothing ends as long as this is so
  bool is_upload_slow = false, loses_uploads = false;

  const std::string& name() const override { return name_; }
  asio::awaitable<void> close() override { co_return; }

  Task<> put(drivers::LocalFile file, std::string remote, drivers::Progress progress) override {
    log.push_back("upload");
    do co_await pause(std::chrono::milliseconds(1));
    while (is_mute || is_upload_slow);
    if (loses_uploads) co_return Error(Errc::unavailable, "no word from it");
    uploaded = file.size;
    progress(file.size, file.size);
    files.insert(remote);
    co_return Result<>();
  }

  Task<drivers::CommandResult> run(drivers::Command command) override {
    while (is_mute) co_await pause(std::chrono::milliseconds(1));
    if (unreachable > 0) {
      --unreachable;
      co_return Error(Errc::unavailable, "no route to host");
    }
    for (auto& [part, times] : lost)
      if (times > 0 && command.script.find(part) != std::string::npos) {
        --times;
        co_return Error(Errc::unavailable, "connection lost");
      }
    drivers::CommandResult result;
    for (auto& [part, output] : failing) {
      if (command.script.find(part) == std::string::npos) continue;
      result.code = 1;
      result.output = output;
      co_return result;
    }
    carry_out(command, result);
    while (is_slow && command.script.find("tar -xzof") != std::string::npos)
      co_await pause(std::chrono::milliseconds(1));
    co_return result;
  }

 private:
  void carry_out(const drivers::Command& command, drivers::CommandResult& result) {
    auto has = [&](const char* part) { return command.script.find(part) != std::string::npos; };
    static const std::regex uuid("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}");
    std::smatch found;
    std::regex_search(command.script, found, uuid);
    std::string id = command.directory.empty() ? found.str() : command.directory;
    if (has("tar -xzof")) {
      log.push_back("unpack");
      unpack = command.script;
      if (files.empty()) {
        result.code = 66;
        return;
      }
      folders.insert(id);
    } else if (has("could not be removed")) {
      log.push_back("remove");
      running.erase(id);
      folders.erase(id);
    } else if (has("rm -f .muster/releases")) {
      log.push_back("remove archive");
      files.clear();
    } else if (has("kill -")) {
      log.push_back("kill");
      running.erase(id);
    } else if (has("systemctl --user enable")) {
      log.push_back("start");
      running.insert(id);
      enabled.insert(id);
    } else if (has("systemctl --user disable --now")) {
      log.push_back("disable");
      running.erase(id);
      enabled.erase(id);
    } else if (has("muster_processes")) {
      if (running.contains(id)) result.output = "77 beam.smp\n";
    } else if (command.script == "START") {
      log.push_back("start");
      if (!folders.contains(id)) result.code = 127;
      if (!running.insert(id).second) ++started_twice;
    } else if (command.script == "STOP") {
      log.push_back("stop");
      running.erase(id);
    } else if (has("JOIN")) {
      log.push_back("join");
      joined.push_back(command.script);
    }
  }

 public:
  std::vector<std::string> joined;

 private:
  std::string name_ = "fake";
};

/// Nodes answer as long as they run on the host.
class FakeNodeManager final : public NodeManager {
 public:
  explicit FakeNodeManager(FakeHost& host) : host_(host) {}

  std::map<std::string, RunningNode> kept;
  std::vector<std::pair<std::string, std::string>> connections;
  bool is_deaf = false;   ///< nothing answers
  bool is_stuck = false;  ///< reach() ends only when it is cancelled

  Task<> reach(RunningNode node, std::chrono::steady_clock::duration) override {
    if (is_stuck) co_await pause(std::chrono::hours(1));
    if (is_deaf || !host_.running.contains(node.id))
      co_return Error(Errc::timeout, "not registered");
    co_return Result<>();
  }
  Task<bool> is_there(RunningNode node) override { co_return host_.running.contains(node.id); }
  Task<> hand_over(RunningNode node) override {
    kept[node.id] = node;
    co_return Result<>();
  }
  Task<> set_stopped(std::string id) override {
    kept.erase(id);
    co_return Result<>();
  }
  Task<> forget(std::string id) override {
    kept.erase(id);
    co_return Result<>();
  }
  Task<> connect(RunningNode from, Member to) override {
    connections.emplace_back(from.name, to.name);
    co_return Result<>();
  }
  std::optional<Health> health(const std::string& id) const override {
    if (!kept.contains(id)) return std::nullopt;
    return Health{host_.running.contains(id), "closed"};
  }
  std::vector<Member> added(const std::string&) const override { return {}; }
  std::optional<Member> find(const std::string&) const override { return std::nullopt; }

 private:
  FakeHost& host_;
};

/// Lets the daemon die at a write: from then on nothing that is awaited of the rows ends.
class MortalRows final : public DeploymentRows {
 public:
  using DeploymentRows::DeploymentRows;

  int writes = 0;
  int dies_at = 0;  ///< the so-manieth write; 0: never
  bool dies_before = false, is_dead = false;

  Task<> insert(const std::vector<Deployment>& nodes) override {
    return around(DeploymentRows::insert(nodes));
  }
  Task<> update(Deployment node) override { return around(DeploymentRows::update(node)); }
  Task<> remove(std::string id, std::optional<HostRelease> release) override {
    return around(DeploymentRows::remove(id, release));
  }
  Task<> put(HostRelease release) override { return around(DeploymentRows::put(release)); }
  Task<> remove(HostRelease release) override { return around(DeploymentRows::remove(release)); }

 private:
  Task<> around(Task<> write) {
    const int number = ++writes;
    if (is_dead || (number == dies_at && dies_before)) co_await die();
    auto result = co_await std::move(write);
    if (is_dead || number == dies_at) co_await die();
    co_return result;
  }
  asio::awaitable<void> die() {
    is_dead = true;
    if (is_buried_) throw boost::system::system_error(asio::error::operation_aborted);
    asio::steady_timer never(co_await asio::this_coro::executor,
                             asio::steady_timer::time_point::max());
    waiting_.insert(&never);
    auto [ec] = co_await never.async_wait(asio::as_tuple(asio::use_awaitable));
    waiting_.erase(&never);
    throw boost::system::system_error(ec);
  }
  std::set<asio::steady_timer*> waiting_;
  bool is_buried_ = false;

 public:
  /// What still waits unwinds.
  void bury() {
    is_buried_ = true;
    for (auto* timer : waiting_) timer->cancel();
  }
};

}  // namespace muster::orchestration
