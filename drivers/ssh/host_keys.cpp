#include "drivers/ssh/host_keys.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <libssh2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

#include "drivers/ssh/keys.h"
#include "drivers/ssh/wire.h"

namespace muster::drivers::ssh {
namespace {

namespace fs = std::filesystem;

std::string place(const std::string& host, std::uint16_t port) {
  return fmt::format("[{}]:{}", host, port);
}

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.size(), line.find_first_not_of(" \t")));
  const auto word = line.substr(0, line.find_first_of(" \t"));
  line.remove_prefix(word.size());
  return word;
}

int libssh2_type(const std::string& type) {
  if (type == "ssh-ed25519") return LIBSSH2_KNOWNHOST_KEY_ED25519;
  if (type == "ecdsa-sha2-nistp256") return LIBSSH2_KNOWNHOST_KEY_ECDSA_256;
  if (type == "ecdsa-sha2-nistp384") return LIBSSH2_KNOWNHOST_KEY_ECDSA_384;
  if (type == "ecdsa-sha2-nistp521") return LIBSSH2_KNOWNHOST_KEY_ECDSA_521;
  if (type == "ssh-rsa") return LIBSSH2_KNOWNHOST_KEY_SSHRSA;
  return LIBSSH2_KNOWNHOST_KEY_UNKNOWN;
}

}  // namespace

HostKeyTable HostKeyTable::parse(std::string_view text) {
  HostKeyTable table;
  while (!text.empty()) {
    auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::string where(next_word(line)), type(next_word(line));
    const auto bytes = from_base64(next_word(line));
    if (where.empty() || !bytes || WireReader(*bytes).string() != std::string_view(type)) continue;
    table.keys_[where] = HostKey{type, *bytes};
  }
  return table;
}

HostKeyTable::Verdict HostKeyTable::judge(const std::string& host, std::uint16_t port,
                                          const HostKey& key) const {
  const auto found = keys_.find(place(host, port));
  if (found == keys_.end()) return Verdict::first;
  const bool is_same = found->second.type == key.type && found->second.bytes == key.bytes;
  return is_same ? Verdict::known : Verdict::changed;
}

std::string HostKeyTable::add(const std::string& host, std::uint16_t port, const HostKey& key) {
  keys_[place(host, port)] = key;
  return fmt::format("{} {} {}\n", place(host, port), key.type, to_base64(key.bytes));
}

std::string HostKeyTable::type_of(const std::string& host, std::uint16_t port) const {
  const auto found = keys_.find(place(host, port));
  return found == keys_.end() ? std::string() : found->second.type;
}

std::string HostKeyTable::known_fingerprint(const std::string& host, std::uint16_t port) const {
  const auto found = keys_.find(place(host, port));
  return found == keys_.end() ? std::string() : fingerprint(found->second.bytes);
}

const HostKeyTable& KnownHosts::read() {
  struct stat is {};
  if (::stat(file_.c_str(), &is) != 0) is = {};
  const std::array<std::int64_t, 4> as{static_cast<std::int64_t>(is.st_ino), is.st_mtim.tv_sec,
                                       is.st_mtim.tv_nsec, is.st_size};
  if (as == read_as_) return table_;
  std::ifstream in(file_);
  std::stringstream text;
  text << in.rdbuf();
  table_ = HostKeyTable::parse(text.str());
  read_as_ = as;
  return table_;
}

std::string KnownHosts::type_of(const std::string& host, std::uint16_t port) {
  return strict_ ? std::string() : read().type_of(host, port);
}

Result<> KnownHosts::check(const std::string& host, std::uint16_t port, const HostKey& key) {
  if (strict_) return check_strictly(host, port, key);
  // Looked at each time: a line that the user takes out counts at once.
  const auto& table = read();
  switch (table.judge(host, port, key)) {
    case HostKeyTable::Verdict::known:
      return {};
    case HostKeyTable::Verdict::changed:
      return Error(
          Errc::conflict,
          fmt::format(
              "host {} shows another key than before: {} instead of {}. Either somebody is in "
              "between, or it was set up anew: then take the line that begins with {} out of "
              "ssh/known_hosts in the daemon's data directory and try again",
              host, fingerprint(key.bytes), table.known_fingerprint(host, port),
              place(host, port)));
    case HostKeyTable::Verdict::first:
      break;
  }
  const auto line = HostKeyTable().add(host, port, key);
  std::error_code ec;
  fs::create_directories(file_.parent_path(), ec);
  const int fd = ::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  const bool is_written =
      fd >= 0 && ::write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  const int failed = errno;
  if (fd >= 0) ::close(fd);
  if (!is_written)
    return Error(boost::system::error_code(failed, boost::system::system_category()),
                 "write down the key of host " + host);
  return {};
}

Result<> KnownHosts::check_strictly(const std::string& host, std::uint16_t port,
                                    const HostKey& key) const {
  const std::unique_ptr<LIBSSH2_SESSION, int (*)(LIBSSH2_SESSION*)> session(libssh2_session_init(),
                                                                            libssh2_session_free);
  const std::unique_ptr<LIBSSH2_KNOWNHOSTS, void (*)(LIBSSH2_KNOWNHOSTS*)> known(
      libssh2_knownhost_init(session.get()), libssh2_knownhost_free);
  const char* home = std::getenv("HOME");
  if (home != nullptr)
    libssh2_knownhost_readfile(known.get(), (std::string(home) + "/.ssh/known_hosts").c_str(),
                               LIBSSH2_KNOWNHOST_FILE_OPENSSH);
  libssh2_knownhost_readfile(known.get(), "/etc/ssh/ssh_known_hosts",
                             LIBSSH2_KNOWNHOST_FILE_OPENSSH);
  const int verdict = libssh2_knownhost_checkp(
      known.get(), host.c_str(), port, key.bytes.data(), key.bytes.size(),
      LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | libssh2_type(key.type),
      nullptr);
  if (verdict == LIBSSH2_KNOWNHOST_CHECK_MATCH) return {};
  if (verdict == LIBSSH2_KNOWNHOST_CHECK_MISMATCH)
    return Error(
        Errc::conflict,
        fmt::format("host {} shows another key ({}) than known_hosts has for it. Either somebody "
                    "is in between, or it was set up anew: then ssh-keygen -R '{}' and connect "
                    "to it once by hand",
                    host, fingerprint(key.bytes), port == 22 ? host : place(host, port)));
  return Error(
      Errc::conflict,
      fmt::format("host {} is not in the known_hosts of the daemon's user, and only known hosts "
                  "are allowed: connect to it once by hand (its {} key is {})",
                  host, key.type, fingerprint(key.bytes)));
}

}  // namespace muster::drivers::ssh
