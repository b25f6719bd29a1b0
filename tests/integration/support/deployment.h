#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "daemon.h"
#include "temp_dir.h"

namespace muster::test {

/// A small release that starts an Erlang node of the host's own OTP. Its script does `daemon`,
/// `foreground`, `stop`, and for tests `fail` and `hang`; vm.args is a template. The cookie comes
/// from the environment and goes to a file.
class TinyRelease {
 public:
  /// `mark` makes this archive another one. `extra` are more lines of vm.args.
  explicit TinyRelease(const std::string& mark = "", const std::string& extra = "");
  std::filesystem::path tarball() const { return dir_ / "tiny.tar.gz"; }

 private:
  TempDir dir_;
};

/// The home of a local provider's nodes. Nodes live without the test that deployed them, so a
/// guardian process ends all that run in this folder or have its name in their
/// environment, when the object ends, and also when the test process is killed.
class LocalHome {
 public:
  LocalHome();
  ~LocalHome();
  LocalHome(const LocalHome&) = delete;
  LocalHome& operator=(const LocalHome&) = delete;

  const std::filesystem::path& path() const { return dir_.path(); }
  std::filesystem::path operator/(const std::string& name) const { return dir_ / name; }

 private:
  TempDir dir_;
  int held_ = -1;  ///< the guardian acts when this end of a pipe is closed
  pid_t guardian_ = -1;
};

/// What a test does with a daemon to deploy something: thin words over REST. A request that is
/// refused fails the test.
class Deployer {
 public:
  Deployer(const Daemon& daemon, const Epmd& epmd) : daemon_(daemon), epmd_(epmd) {}

  /// Provider, release (with its archive), family with one domain: all named `name`.
  void define(const std::string& name, const boost::json::object& provider,
              const TinyRelease& release, boost::json::object release_members = {},
              boost::json::object family_members = {});
  /// The same with any archive; nothing about the release is filled in.
  void define(const std::string& name, const boost::json::object& provider,
              const std::filesystem::path& tarball, boost::json::object release_members,
              boost::json::object family_members);
  /// The rows; empty when the daemon was gone before it answered.
  boost::json::array deploy(const std::string& family, int amount, bool autostart = true);
  boost::json::array nodes(const std::string& family) const;
  boost::json::object node(const std::string& id) const;
  /// An operation on a node or a family: POST …/start.
  void post(const std::string& path) const;

  /// Waits until all nodes of the family are in this state; false when the time is over. `amount`
  /// of them, where given.
  bool wait_for(const std::string& family, const std::string& state, std::optional<int> amount = {},
                std::chrono::seconds limit = std::chrono::seconds(90)) const;
  bool wait_until_gone(const std::string& family,
                       std::chrono::seconds limit = std::chrono::seconds(90)) const;
  /// What a failed expectation should show.
  std::string describe(const std::string& family) const;

 private:
  const Daemon& daemon_;
  const Epmd& epmd_;
};

/// Names of the entries of a folder that are not hidden; empty when there is no such folder.
std::vector<std::string> visible(const std::filesystem::path& folder);
/// Release archives that lie on a host.
std::vector<std::string> archives(const std::filesystem::path& home);
/// Command lines of processes whose environment or command line names this node.
std::vector<std::string> processes_of(const std::string& node_id);

}  // namespace muster::test
