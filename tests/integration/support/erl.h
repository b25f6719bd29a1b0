#pragma once

#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "epmd.h"
#include "process.h"
#include "temp_dir.h"
#include "tls.h"

namespace muster::test {

/// An Erlang to run nodes with: this machine's, or the one of another Debian suite in a chroot.
struct Otp {
  int release = 0;             // 23, 25, 27, 29
  std::filesystem::path root;  // empty: this machine's
  std::string unavailable;     // why it cannot be had; empty when it can
};

/// The Erlang of this OTP release. Made on first use (seconds to a minute), then cached.
Otp otp(int release);

/// This machine's own Erlang.
Otp host_otp();

struct ErlOptions {
  Otp otp = host_otp();
  std::string name =
      "a@127.0.0.1";  // a dot in the host part: -name, else -sname; empty: no distribution
  std::string cookie = "cookie";
  bool hidden = false;
  const Authority* tls = nullptr;      // distribution over TLS, both sides verified; nullptr: plain
  std::string boot = "no_dot_erlang";  // boot script
  std::vector<std::string> args;
  std::map<std::string, std::string> env;  // more environment
  std::vector<std::string>
      through;  // a program that starts it: {"sh", "-c", "…; exec \"$@\"", "sh"}
};

/// Of a node with this name and these arguments.
ErlOptions named(const std::string& name, std::vector<std::string> args = {});

/// A real `erl`, driven expression by expression as from its shell. Ends with this object.
/// Its cookie is in a file of its own home directory, never on the command line.
class ErlNode {
 public:
  using Limit = std::chrono::milliseconds;

  /// Returns when the node is up; throws std::runtime_error with its output when it does not come
  /// up.
  ErlNode(const Epmd& epmd, ErlOptions options);

  /// The full node name, as node() says it.
  const std::string& name() const { return name_; }
  pid_t pid() const { return process_->pid(); }
  Process& process() { return *process_; }

  /// Evaluates expressions as the shell does (commas, several lines, variables stay bound; the
  /// final full stop may be left out) and returns the value printed with ~0tp. An exception is
  /// returned as "class:reason", so an expectation shows it. Always in the same process: `receive`
  /// sees its mailbox. Throws std::runtime_error when there is no answer within `limit`.
  std::string eval(const std::string& expressions, Limit limit = std::chrono::seconds(20));

  /// Everything printed by the node so far, log lines and what others printed through its group
  /// leader.
  std::string printed() const { return process_->output(); }

  /// The home directory as this process sees it, and as the node does (they differ in a chroot).
  std::filesystem::path home() const;
  std::filesystem::path home_inside() const;

 private:
  std::vector<std::string> tls_arguments() const;

  ErlOptions options_;
  TempDir dir_;
  std::unique_ptr<Process> process_;
  std::string name_;
  int evaluated_ = 0;
};

/// How many processes of the node are in timer:sleep/1.
int asleep(ErlNode& node);

}  // namespace muster::test
