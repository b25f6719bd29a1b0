#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>

namespace muster::alarms {

/// Whether a webhook must not go there: link-local addresses (169.254.0.0/16, fe80::/10), in
/// whatever form of IPv6 they are written, and the addresses beside those at which clouds answer
/// questions about a machine and its secrets. Everything else may be somebody's receiver.
bool is_forbidden_address(const boost::asio::ip::address& address);

/// The address that a URL's host is, in any form that curl takes for one ("2852039166",
/// "0xa9.254.43518"); nothing where it is a name.
std::optional<boost::asio::ip::address> address_of_host(const std::string& host);

}  // namespace muster::alarms
