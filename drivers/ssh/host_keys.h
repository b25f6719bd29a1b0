#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace muster::drivers::ssh {

/// A host's key as it showed it.
struct HostKey {
  std::string type;   ///< "ssh-ed25519"
  std::string bytes;  ///< as on the wire
};

/// Which host has which key: a text in OpenSSH's known_hosts form, kept without hashes. Plain
/// decisions; the file is KnownHosts' business.
class HostKeyTable {
 public:
  enum class Verdict { known, first, changed };

  /// Lines that are none of ours to understand are skipped.
  static HostKeyTable parse(std::string_view text);

  Verdict judge(const std::string& host, std::uint16_t port, const HostKey& key) const;
  /// The line to append for it; it is known from then on.
  std::string add(const std::string& host, std::uint16_t port, const HostKey& key);
  /// The type that this host is known by, or nothing: to be asked for first.
  std::string type_of(const std::string& host, std::uint16_t port) const;
  std::string known_fingerprint(const std::string& host, std::uint16_t port) const;

 private:
  std::map<std::string, HostKey> keys_;  // by "[host]:port"
};

/// Decides whether a host is the one it should be. A first key is taken and written down, a changed
/// one is refused. With `strict`, the user's own known_hosts files decide (ssh's, hashed names too)
/// and nothing is taken. Lives on SSH's thread; writes a small file there, and reads it when
/// it has changed.
class KnownHosts {
 public:
  KnownHosts(std::filesystem::path file, bool strict) : file_(std::move(file)), strict_(strict) {}

  /// Errors: conflict, with what to do.
  Result<> check(const std::string& host, std::uint16_t port, const HostKey& key);
  std::string type_of(const std::string& host, std::uint16_t port);

 private:
  const HostKeyTable& read();
  Result<> check_strictly(const std::string& host, std::uint16_t port, const HostKey& key) const;

  std::filesystem::path file_;
  bool strict_;
  /// What the file held when it was last read: its inode, time and size tell whether it has
  /// changed.
  HostKeyTable table_;
  std::array<std::int64_t, 4> read_as_{};
};

}  // namespace muster::drivers::ssh
