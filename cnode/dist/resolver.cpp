#include "dist/resolver.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/look_up.h"
#include "dist/link_error.h"

namespace muster::dist {
namespace {

using std::chrono::steady_clock;
constexpr std::size_t most_hosts = 20'000;

}  // namespace

Task<Resolver::Addresses> Resolver::resolve(std::string name) {
  boost::system::error_code not_an_address;
  auto literal = boost::asio::ip::make_address(name, not_an_address);
  if (!not_an_address) co_return Addresses{literal};
  auto found = hosts_.find(name);
  if (found == hosts_.end()) {
    if (hosts_.size() >= most_hosts) hosts_.clear();
    found = hosts_.emplace(name, std::make_shared<Host>(executor_)).first;
  }
  auto host = found->second;
  auto now = steady_clock::now();
  if (!host->is_looked_up) {
    if (now < host->until) co_return host->known;
    host->patience.expires_at(now + times_.patience);
    bool is_known = host->known && !host->known->empty();
    look_up_(name, is_known, [host, kept = times_.kept](Result<Addresses> result) {
      // A name service that does not answer just now takes nothing away.
      bool is_an_answer = result || result.error().code != LinkError::timeout;
      if (is_an_answer || !host->known || host->known->empty()) host->known = std::move(result);
      host->until = steady_clock::now() + kept;
      host->is_looked_up = false;
      host->patience.cancel();
    });
    host->is_looked_up = true;
  }
  if (host->is_looked_up && now < host->patience.expiry())
    co_await host->patience.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (host->known && host->known->empty())
    co_return Error(LinkError::timeout, "no answer about the host " + name);
  co_return host->known;
}

Resolver::LookUp system_look_up(boost::asio::any_io_executor executor) {
  auto system = std::make_shared<SystemLookUp>(std::move(executor));
  return [system](const std::string& host, bool is_known, Resolver::Done done) {
    auto answer = [done = std::move(done)](Result<Resolver::Addresses> found) {
      if (found) return done(std::move(found));
      const bool is_late = found.error().errc() == Errc::timeout;
      done(Error(is_late ? LinkError::timeout : LinkError::refused, found.error().message));
    };
    system->begin(host, is_known, std::move(answer));
  };
}

}  // namespace muster::dist
