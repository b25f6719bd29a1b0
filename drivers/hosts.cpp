#include "drivers/hosts.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "drivers/local/local_host.h"
#include "drivers/ssh/keys.h"
#include "drivers/ssh/off_loop.h"
#include "drivers/ssh/ssh_host.h"

namespace muster::drivers {
namespace {

std::string own_user() {
  const passwd* user = ::getpwuid(::geteuid());
  return user == nullptr ? "root" : user->pw_name;
}

std::string agent_socket() {
  const char* path = std::getenv("SSH_AUTH_SOCK");
  return path == nullptr ? "" : path;
}

/// A host that is not known keeps who asks until the limit of its connecting.
constexpr Resolver::Times look_ups{std::chrono::hours(1), std::chrono::seconds(2), {}};

}  // namespace

struct Hosts::Impl {
  asio::any_io_executor executor;
  asio::thread_pool& pool;
  Settings settings;
  ssh::SshThread thread;
  ssh::KnownHosts known;  // on the thread, as all hosts by SSH, the names and the logins
  Resolver names;
  Places logins{{std::chrono::seconds(2), 64, 16}};
  std::map<std::string, std::shared_ptr<Host>> local;
  std::map<SshTarget, std::shared_ptr<Host>> ssh;

  Impl(asio::any_io_executor on, asio::thread_pool& for_files, Settings given)
      : executor(std::move(on)),
        pool(for_files),
        settings(std::move(given)),
        known(settings.directory / "known_hosts", settings.strict),
        names(thread.executor(), system_look_up(thread.executor()), look_ups) {}
  ~Impl() { thread.end(); }  // before the hosts that live on it go
  std::filesystem::path own_key() const { return settings.directory / "id_ed25519"; }
};

Hosts::Hosts(asio::any_io_executor executor, asio::thread_pool& pool, Settings settings)
    : impl_(new Impl(std::move(executor), pool, std::move(settings))) {}

Hosts::~Hosts() = default;

std::shared_ptr<Host> Hosts::local(const std::filesystem::path& home) {
  auto& host = impl_->local[home.string()];
  if (!host) host = std::make_shared<LocalHost>(impl_->executor, impl_->pool, home);
  return host;
}

std::shared_ptr<Host> Hosts::ssh(const SshTarget& target) {
  auto entered = target;
  if (entered.user.empty()) entered.user = own_user();
  auto& host = impl_->ssh[entered];
  if (host) return host;
  ssh::Identity identity{impl_->settings.key, agent_socket()};
  if (!entered.key.empty()) {
    identity = {entered.key, {}};
  } else if (identity.key.empty() && public_key()) {
    identity.key = impl_->own_key();
  }
  auto there = std::make_shared<ssh::SshHost>(impl_->thread.executor(), impl_->pool,
                                              std::move(entered), std::move(identity), impl_->known,
                                              impl_->names, impl_->logins);
  host = std::make_shared<ssh::OffLoop>(impl_->thread, std::move(there));
  return host;
}

Result<std::string> Hosts::public_key() {
  if (!impl_->settings.key.empty()) return ssh::public_line_of(impl_->settings.key);
  return ssh::ensure_key(impl_->own_key(), "muster");
}

asio::awaitable<void> Hosts::close() {
  for (auto& [home, host] : impl_->local) co_await host->close();
  for (auto& [target, host] : impl_->ssh) co_await host->close();
}

}  // namespace muster::drivers
