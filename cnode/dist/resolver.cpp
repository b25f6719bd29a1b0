#include "dist/resolver.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dist/link_error.h"

namespace muster::dist {
namespace {

using std::chrono::steady_clock;
using tcp = boost::asio::ip::tcp;
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
    host->is_looked_up = true;
    host->patience.expires_at(now + times_.patience);
    look_up_(name, [host, kept = times_.kept](Result<Addresses> result) {
      // A name service that does not answer just now takes nothing away.
      bool is_an_answer = result || result.error().code != LinkError::timeout;
      if (is_an_answer || !host->known || host->known->empty()) host->known = std::move(result);
      host->until = steady_clock::now() + kept;
      host->is_looked_up = false;
      host->patience.cancel();
    });
  }
  if (host->is_looked_up && now < host->patience.expiry())
    co_await host->patience.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
  if (host->known && host->known->empty())
    co_return Error(LinkError::timeout, "no answer about the host " + name);
  co_return host->known;
}

Resolver::LookUp system_look_up(std::shared_ptr<tcp::resolver> resolver) {
  return [resolver](const std::string& host, Resolver::Done done) {
    auto answered = [host, done](boost::system::error_code ec, tcp::resolver::results_type found) {
      if (ec == boost::asio::error::operation_aborted) return;
      if (ec == boost::asio::error::host_not_found_try_again)
        return done(Error(LinkError::timeout, "no answer about the host " + host));
      Resolver::Addresses addresses;
      for (auto& entry : found) addresses.push_back(entry.endpoint().address());
      if (ec || addresses.empty())
        return done(Error(LinkError::refused, "the host " + host + " is unknown"));
      done(std::move(addresses));
    };
    resolver->async_resolve(host, "", std::move(answered));
  };
}

}  // namespace muster::dist
