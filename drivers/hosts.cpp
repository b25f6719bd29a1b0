#include "drivers/hosts.h"

#include "drivers/local/local_host.h"

namespace muster::drivers {

struct Hosts::Impl {
  asio::any_io_executor executor;
  asio::thread_pool& pool;
  Settings settings;
  std::map<std::string, std::shared_ptr<Host>> local;
};

Hosts::Hosts(asio::any_io_executor executor, asio::thread_pool& pool, Settings settings)
    : impl_(new Impl{std::move(executor), pool, std::move(settings), {}}) {}

Hosts::~Hosts() = default;

std::shared_ptr<Host> Hosts::local(const std::filesystem::path& home) {
  auto& host = impl_->local[home.string()];
  if (!host) host = std::make_shared<LocalHost>(impl_->executor, impl_->pool, home);
  return host;
}

asio::awaitable<void> Hosts::close() {
  for (auto& [home, host] : impl_->local) co_await host->close();
}

}  // namespace muster::drivers
