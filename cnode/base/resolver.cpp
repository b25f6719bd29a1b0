#include "base/resolver.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace muster {
namespace {

using std::chrono::steady_clock;
constexpr std::size_t most_hosts = 20'000;

}  // namespace

struct Resolver::Host {
  explicit Host(const asio::any_io_executor& executor) : patience(executor) {}

  Result<Addresses> known = Addresses();  ///< empty: nothing yet
  steady_clock::time_point until{};       ///< so long it is good enough
  bool is_looked_up = false;
  bool was_silent = false;      ///< the last time
  asio::steady_timer patience;  ///< with the look-up; cancelled at its end

  bool is_known() const { return known && !known->empty(); }
  HostIs last() const {
    if (was_silent) return HostIs::silent;
    return is_known() ? HostIs::known : HostIs::fresh;
  }
  void begin(steady_clock::duration wait) {
    patience.expires_at(steady_clock::now() + wait);
    is_looked_up = true;
  }
  void end(Result<Addresses> result, steady_clock::duration kept) {
    // A name service that does not answer just now takes nothing away.
    was_silent = result.has_error() && result.error().errc() == Errc::timeout;
    if (!was_silent || !is_known()) known = std::move(result);
    until = steady_clock::now() + kept;
    is_looked_up = false;
    patience.cancel();
  }
};

/// Those that are good for something go last.
void Resolver::make_room() {
  const auto now = steady_clock::now();
  std::erase_if(hosts_, [&](auto& entry) {
    auto& host = *entry.second;
    return !host.is_known() && !host.is_looked_up && host.until <= now;
  });
  if (hosts_.size() >= most_hosts) hosts_.clear();
}

Task<Resolver::Addresses> Resolver::resolve(std::string name) {
  boost::system::error_code not_an_address;
  auto literal = asio::ip::make_address(name, not_an_address);
  if (!not_an_address) co_return Addresses{literal};
  auto found = hosts_.find(name);
  if (found == hosts_.end()) {
    if (hosts_.size() >= most_hosts) make_room();
    found = hosts_.emplace(name, std::make_shared<Host>(executor_)).first;
  }
  auto host = found->second;  // the answer may come when this is gone
  if (!host->is_looked_up) {
    if (steady_clock::now() < host->until) co_return host->known;
    host->begin(host->is_known() ? times_.patience_known : times_.patience);
    look_up_(name, host->last(), [host, kept = times_.kept](Result<Addresses> result) {
      host->end(std::move(result), kept);
    });
  }
  if (host->is_looked_up && steady_clock::now() < host->patience.expiry()) {
    auto [ec] = co_await host->patience.async_wait(asio::as_tuple(asio::use_awaitable));
    auto state = co_await asio::this_coro::cancellation_state;
    if (ec && state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(ec);
  }
  if (host->known && host->known->empty())
    co_return Error(Errc::timeout, "no answer about the host " + name);
  co_return host->known;
}

Resolver::LookUp system_look_up(asio::any_io_executor executor) {
  auto system = std::make_shared<SystemLookUp>(std::move(executor));
  return [system](const std::string& host, HostIs last, Resolver::Done done) {
    system->begin(host, last, std::move(done));
  };
}

}  // namespace muster
