#include "base/look_up.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>

namespace muster {
namespace {

/// Blocks for as long as the system does.
Result<SystemLookUp::Addresses> ask_system(const std::string& host) {
  asio::io_context none;
  boost::system::error_code ec;
  auto found = asio::ip::tcp::resolver(none).resolve(host, "", ec);
  if (ec == asio::error::host_not_found_try_again)
    return Error(Errc::timeout, "no answer about the host " + host);
  SystemLookUp::Addresses addresses;
  for (auto& entry : found) addresses.push_back(entry.endpoint().address());
  if (ec || addresses.empty()) return Error(Errc::not_found, "the host " + host + " is unknown");
  return addresses;
}

}  // namespace

void SystemLookUp::begin(const std::string& host, bool is_known, Done done) {
  auto& pool = is_known ? known_ : others_;
  if (!pool) pool.emplace(is_known ? 4U : 16U);
  auto look = [executor = executor_, host, done = std::move(done)]() mutable {
    auto answer = [done = std::move(done), found = ask_system(host)]() mutable {
      done(std::move(found));
    };
    asio::post(executor, std::move(answer));
  };
  asio::post(*pool, std::move(look));
}

}  // namespace muster
