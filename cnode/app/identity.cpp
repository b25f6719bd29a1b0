#include "app/identity.h"

#include <fmt/format.h>
#include <netdb.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <cctype>

namespace muster::app {
namespace {

bool is_address(const std::string& host) {
  boost::system::error_code ec;
  asio::ip::make_address(host, ec);
  return !ec;
}

bool is_long(const std::string& host) {
  return host.find_first_of(".:") != std::string::npos;
}

bool all_of(const std::string& text, std::string_view extra) {
  return !text.empty() && text.size() <= 200 &&
         std::all_of(text.begin(), text.end(), [&](unsigned char c) {
           return std::isalnum(c) || extra.find(static_cast<char>(c)) != std::string_view::npos;
         });
}

}  // namespace

Result<Identity> identify(const std::string& name, const std::string& host_name,
                          const std::string& canonical) {
  auto at = name.find('@');
  Identity id;
  id.alive = name.substr(0, at);
  if (!all_of(id.alive, "_-"))
    return Error(
        Errc::bad_request,
        fmt::format("'{}' is no node name: letters, digits, - and _, then perhaps @host", name));
  id.short_host = host_name.substr(0, host_name.find('.'));
  id.long_host = is_long(host_name) ? host_name : is_long(canonical) ? canonical : "127.0.0.1";
  if (at == std::string::npos) return id;
  auto host = name.substr(at + 1);
  if (!all_of(host, ".-:_"))
    return Error(Errc::bad_request, fmt::format("'{}' is no host name", host));
  if (!is_long(host)) {
    id.short_host = host;
  } else {
    id.long_host = host;
    if (!is_address(host)) id.short_host = host.substr(0, host.find('.'));
  }
  return id;
}

std::string this_host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "localhost";
}

std::string canonical_name(const std::string& host_name) {
  addrinfo hints{};
  hints.ai_flags = AI_CANONNAME;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host_name.c_str(), nullptr, &hints, &found) != 0) return {};
  std::string name = found->ai_canonname ? found->ai_canonname : "";
  ::freeaddrinfo(found);
  return name;
}

}  // namespace muster::app
