#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "process.h"
#include "temp_dir.h"

namespace muster::test {

/// An ordinary user of this machine, made for a test. At the end its processes are killed and it is
/// removed.
class User {
 public:
  User();
  ~User();
  User(const User&) = delete;
  User& operator=(const User&) = delete;

  const std::string& name() const { return name_; }
  std::filesystem::path home() const { return dir_ / "home"; }
  void authorize(const std::string& public_key);  // one more line of authorized_keys

  /// Command lines of the processes that run as this user now.
  std::vector<std::string> processes() const;

 private:
  void kill_processes() const;

  TempDir dir_;
  std::string name_;
};

/// A real sshd on loopback addresses, each of which plays a host of its own, with fresh host keys.
/// It lets one user in, by public key. Needs root, as every sshd that lets another user in.
class Sshd {
 public:
  explicit Sshd(const User& user, std::vector<std::string> addresses = {"127.0.0.1"});
  ~Sshd();

  std::uint16_t port() const { return port_; }
  const std::vector<std::string>& addresses() const { return addresses_; }
  void stop();  // with all its connections
  void start();
  void change_host_key();  // new keys; restarts it

  /// Stops the listener and every session in place: a host that has stopped answering.
  void freeze();
  void thaw();

  /// What it has logged so far ("Accepted publickey for …", one line per connection).
  std::string log() const;

 private:
  std::vector<pid_t> family() const;

  const User& user_;
  TempDir dir_;
  std::vector<std::string> addresses_;
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

/// A fresh ed25519 key pair `path` and `path.pub`; returns the public line.
std::string make_ssh_key(const std::filesystem::path& path);

}  // namespace muster::test
