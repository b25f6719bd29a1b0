#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/thread_pool.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "drivers/host.h"

namespace muster::drivers {

/// How a machine is entered by SSH.
struct SshTarget {
  std::string host;  ///< name or address
  std::uint16_t port = 22;
  std::string user;  ///< else who the daemon runs as
  std::string key;   ///< a private key file of the user's; else the daemon's own and ssh-agent

  friend auto operator<=>(const SshTarget&, const SshTarget&) = default;
};

/// Every host that is worked on: one Host, so one connection, for each way of entering a machine.
/// Made once by app/; everybody who works on hosts has a reference. Lives on the loop's thread.
class Hosts {
 public:
  struct Settings {
    std::filesystem::path directory;  ///< <data>/ssh: the daemon's key and the known host keys
    std::filesystem::path key;        ///< used in place of the daemon's own when given
    bool strict = false;              ///< only hosts that the user's ~/.ssh/known_hosts knows
  };

  /// `pool` is where files are hashed and copied.
  Hosts(asio::any_io_executor executor, asio::thread_pool& pool, Settings settings);
  ~Hosts();

  /// Does not connect: errors come from the first use.
  std::shared_ptr<Host> ssh(const SshTarget& target);
  /// This machine without SSH; `home` is where relative paths and nodes lie, else the user's home.
  std::shared_ptr<Host> local(const std::filesystem::path& home = {});

  /// The line for ~/.ssh/authorized_keys on the hosts; the key is made at the first call.
  Result<std::string> public_key();

  asio::awaitable<void> close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace muster::drivers
