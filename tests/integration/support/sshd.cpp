#include "sshd.h"

#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <stdexcept>

#include "ports.h"

namespace muster::test {
namespace {

std::vector<pid_t> all_pids() {
  std::vector<pid_t> pids;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto name = entry.path().filename().string();
    if (std::all_of(name.begin(), name.end(), ::isdigit)) pids.push_back(std::stoi(name));
  }
  return pids;
}

std::filesystem::path proc(pid_t pid, const std::string& file) {
  return std::filesystem::path("/proc") / std::to_string(pid) / file;
}

std::vector<pid_t> pids_of(const std::string& user) {
  const passwd* entry = ::getpwnam(user.c_str());
  std::vector<pid_t> pids;
  for (const pid_t pid : entry == nullptr ? std::vector<pid_t>{} : all_pids()) {
    struct stat info {};
    if (::stat(proc(pid, "").c_str(), &info) == 0 && info.st_uid == entry->pw_uid)
      pids.push_back(pid);
  }
  return pids;
}

pid_t parent_of(pid_t pid) {
  const auto stat = read_file(proc(pid, "stat"));
  const auto after_name = stat.rfind(')');
  return after_name == stat.npos ? 0 : std::stoi(stat.substr(after_name + 4));
}

}  // namespace

std::string make_ssh_key(const std::filesystem::path& path) {
  run({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", path});
  auto line = read_file(path.string() + ".pub");
  return line.substr(0, line.find('\n'));
}

User::User() : name_("muster-test-" + std::to_string(::getpid())) {
  if (::geteuid() != 0)
    throw std::runtime_error("tests with an sshd need root, which makes their user");
  static int made = 0;
  if (made++ > 0) name_ += "-" + std::to_string(made);
  // '*' as its password: without one, sshd takes the account for locked.
  run({"useradd", "--home-dir", home(), "--create-home", "--shell", "/bin/bash", "--password", "*",
       name_});
}

User::~User() {
  kill_processes();
  try {
    run({"userdel", "--force", name_});
  } catch (const std::exception&) {
    // Nothing more can be done about it at the end of a test.
  }
}

void User::authorize(const std::string& public_key) {
  const auto file = home() / ".ssh" / "authorized_keys";
  write_file(file, read_file(file) + public_key + "\n", 0600);
  run({"chown", "-R", name_ + ":", home() / ".ssh"});
  ::chmod(file.parent_path().c_str(), 0700);
}

std::vector<std::string> User::processes() const {
  std::vector<std::string> lines;
  for (const pid_t pid : pids_of(name_)) {
    auto line = read_file(proc(pid, "cmdline"));
    std::replace(line.begin(), line.end(), '\0', ' ');
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

void User::kill_processes() const {
  eventually([this] {
    const auto pids = pids_of(name_);
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    return pids.empty();
  });
}

Sshd::Sshd(const User& user, std::vector<std::string> addresses)
    : user_(user), addresses_(std::move(addresses)), port_(free_port(addresses_.front())) {
  std::string config = "Port " + std::to_string(port_) + "\n";
  for (const auto& address : addresses_) config += "ListenAddress " + address + "\n";
  config += "HostKey " + (dir_ / "host_key").string() + "\n";
  config += "PidFile none\nUsePAM no\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n";
  config += "Subsystem sftp internal-sftp\nLogLevel VERBOSE\n";
  config += "AllowUsers " + user_.name() + "\n";
  write_file(dir_ / "sshd_config", config);
  make_ssh_key(dir_ / "host_key");
  std::filesystem::create_directories("/run/sshd");  // where it shuts its unprivileged half in
  start();
}

Sshd::~Sshd() {
  stop();
}

void Sshd::start() {
  Command command;
  command.argv = {"/usr/sbin/sshd", "-D", "-e", "-f", dir_ / "sshd_config"};
  command.output = dir_ / "log";
  process_ = std::make_unique<Process>(command);
  for (const auto& address : addresses_) {
    if (!eventually([&] { return !process_->is_running() || accepts(address, port_); }) ||
        !process_->is_running()) {
      throw std::runtime_error("sshd does not run: " + log());
    }
  }
}

void Sshd::stop() {
  if (!process_) return;
  for (const pid_t pid : family()) ::kill(pid, SIGKILL);
  process_.reset();
}

void Sshd::change_host_key() {
  stop();
  std::filesystem::remove(dir_ / "host_key");
  make_ssh_key(dir_ / "host_key");
  start();
}

void Sshd::freeze() {
  for (const pid_t pid : family()) ::kill(pid, SIGSTOP);
}

void Sshd::thaw() {
  for (const pid_t pid : family()) ::kill(pid, SIGCONT);
}

std::string Sshd::log() const {
  return read_file(dir_ / "log");
}

/// The listener and its sessions (sshd processes below it), not what runs inside them.
std::vector<pid_t> Sshd::family() const {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : all_pids()) children.emplace(parent_of(pid), pid);
  std::vector<pid_t> found{process_->pid()};
  for (std::size_t at = 0; at < found.size(); ++at) {
    const auto [begin, end] = children.equal_range(found[at]);
    for (auto child = begin; child != end; ++child) {
      if (read_file(proc(child->second, "comm")).starts_with("sshd"))
        found.push_back(child->second);
    }
  }
  return found;
}

}  // namespace muster::test
