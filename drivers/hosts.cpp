#include "drivers/hosts.h"

#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

#include "drivers/local/local_host.h"
#include "drivers/ssh/keys.h"
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

}  // namespace

struct Hosts::Impl {
  asio::any_io_executor executor;
  asio::thread_pool& pool;
  Settings settings;
  ssh::KnownHosts known;
  std::map<std::string, std::shared_ptr<Host>> local;
  std::map<SshTarget, std::shared_ptr<Host>> ssh;

  std::filesystem::path own_key() const { return settings.directory / "id_ed25519"; }
};

Hosts::Hosts(asio::any_io_executor executor, asio::thread_pool& pool, Settings settings)
    : impl_(new Impl{std::move(executor),
                     pool,
                     settings,
                     ssh::KnownHosts(settings.directory / "known_hosts", settings.strict),
                     {},
                     {}}) {}

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
  host = std::make_shared<ssh::SshHost>(impl_->executor, impl_->pool, std::move(entered),
                                        std::move(identity), impl_->known);
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
