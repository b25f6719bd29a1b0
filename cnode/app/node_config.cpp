#include "app/node_config.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/ip/tcp.hpp>
#include <charconv>
#include <cstdlib>

namespace muster::app {
namespace {

Result<std::vector<asio::ip::address>> own_addresses(const Identity& identity) {
  std::vector<asio::ip::address> addresses;
  asio::io_context io;
  asio::ip::tcp::resolver resolver(io);
  for (auto& host : {identity.short_host, identity.long_host}) {
    boost::system::error_code ec;
    for (auto& entry : resolver.resolve(host, "0", ec)) {
      auto address = entry.endpoint().address();
      if (std::find(addresses.begin(), addresses.end(), address) == addresses.end())
        addresses.push_back(address);
    }
  }
  if (addresses.empty())
    return Error(Errc::bad_request,
                 fmt::format("neither {} nor {} has an address: give --name muster@HOST, or "
                             "distribution.address in the configuration",
                             identity.short_host, identity.long_host));
  return addresses;
}

Result<std::uint16_t> epmd_port() {
  std::uint16_t port = 4369;
  auto* given = std::getenv("ERL_EPMD_PORT");
  if (!given || !*given) return port;
  std::string_view text(given);
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size())
    return Error(Errc::bad_request, fmt::format("ERL_EPMD_PORT '{}' is no port", text));
  return port;
}

}  // namespace

Result<dist::NodeConfig> node_config(const Config& config, const Identity& identity,
                                     Cookies cookies) {
  auto& from = config.distribution;
  dist::NodeConfig node;
  node.name = identity.alive;
  node.short_host = identity.short_host;
  node.long_host = identity.long_host;
  node.cookie = std::move(cookies.own);
  node.home_cookie = std::move(cookies.home);
  node.home_role = from.home_cookie;
  if (from.address) {
    boost::system::error_code ec;
    node.listen.push_back(asio::ip::make_address(*from.address, ec));
    if (ec)
      return Error(Errc::bad_request,
                   fmt::format("distribution.address '{}' is no IP address", *from.address));
  } else {
    TRY(node.listen, own_addresses(identity));
  }
  node.port_min = from.port_min;
  node.port_max = std::max(from.port_max, from.port_min);
  TRY(node.epmd_port, epmd_port());
  auto given = int{!from.certificate.empty()} + int{!from.key.empty()} + int{!from.ca.empty()};
  if (given != 0 && given != 3)
    return Error(Errc::bad_request, "distribution wants certificate, key and ca together");
  if (given == 3)
    node.tls = dist::TlsFiles{from.certificate.string(), from.key.string(), from.ca.string()};
  node.times.probe = from.probe_after;
  node.times.silence = from.down_after;
  return node;
}

}  // namespace muster::app
