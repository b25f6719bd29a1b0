#include "services/alarms/forbidden_address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>

namespace muster::alarms {

namespace ip = boost::asio::ip;

namespace {

bool is_forbidden(const ip::address_v4& address) {
  constexpr std::uint32_t link_local = 0xa9fe0000, mask = 0xffff0000;
  // Alibaba, Oracle, Azure.
  constexpr std::array<std::uint32_t, 3> metadata{0x646464c8, 0xc00000c0, 0xa83f8110};
  auto bits = address.to_uint();
  return (bits & mask) == link_local ||
         std::find(metadata.begin(), metadata.end(), bits) != metadata.end();
}

/// The IPv4 address inside an IPv6 one, that is reached through it: mapped, compatible, translated
/// (64:ff9b::/96), 6to4 (2002::/16).
std::optional<ip::address_v4> inner(const ip::address_v6& address) {
  auto bytes = address.to_bytes();
  auto at = [&](std::size_t from) {
    return ip::address_v4({bytes[from], bytes[from + 1], bytes[from + 2], bytes[from + 3]});
  };
  auto starts_with = [&](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), bytes.begin());
  };
  if (starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff}) ||
      starts_with({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}) ||
      starts_with({0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0}))
    return at(12);
  if (starts_with({0x20, 0x02})) return at(2);
  return std::nullopt;
}

}  // namespace

bool is_forbidden_address(const ip::address& address) {
  if (address.is_v4()) return is_forbidden(address.to_v4());
  auto v6 = address.to_v6();
  // Amazon, Google.
  static const std::array<ip::address_v6, 2> metadata{ip::make_address_v6("fd00:ec2::254"),
                                                      ip::make_address_v6("fd20:ce::254")};
  auto is_same = [&](auto& other) { return other.to_bytes() == v6.to_bytes(); };
  if (v6.is_link_local() || std::any_of(metadata.begin(), metadata.end(), is_same)) return true;
  auto v4 = inner(v6);
  return v4 && is_forbidden(*v4);
}

std::optional<ip::address> address_of_host(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* found = nullptr;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return std::nullopt;
  std::unique_ptr<addrinfo, void (*)(addrinfo*)> kept(found, &::freeaddrinfo);
  if (found->ai_family == AF_INET) {
    auto& address = *reinterpret_cast<sockaddr_in*>(found->ai_addr);
    return ip::address_v4(ntohl(address.sin_addr.s_addr));
  }
  if (found->ai_family != AF_INET6) return std::nullopt;
  ip::address_v6::bytes_type bytes;
  std::memcpy(bytes.data(), &reinterpret_cast<sockaddr_in6*>(found->ai_addr)->sin6_addr,
              bytes.size());
  return ip::address_v6(bytes);
}

}  // namespace muster::alarms
