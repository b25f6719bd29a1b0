#pragma once

#include <boost/system/error_code.hpp>
#include <string_view>

namespace muster::dist {

/// Why a peer cannot be reached, or why its link is gone. Only kinds on which somebody acts
/// differently; each maps onto one muster::Errc.
enum class LinkError {
  not_registered = 1,  ///< its epmd answers and does not know the name
  refused,             ///< nobody listens, or no such host
  timeout,             ///< no answer in time
  cookie,              ///< it closed after our digest, or sent a wrong one
  not_allowed,         ///< it refuses us (net_kernel:allow/1, missing abilities), or we refuse it
  tls,                 ///< the TLS handshake or the certificate failed
  wrong_name,          ///< another node answers there
  closed,              ///< the connection was closed
  silent,              ///< not a byte within the time limit, a probe included
  overloaded,          ///< it does not read what we send
  protocol,            ///< it sent what no node sends
  dropped,             ///< we closed it: close(), stop(), or a newer connection of the same peer
};

const boost::system::error_category& link_category();
boost::system::error_code make_error_code(LinkError error);

/// "not_registered", "refused", …
std::string_view name_of(LinkError error);

}  // namespace muster::dist

template <>
struct boost::system::is_error_code_enum<muster::dist::LinkError> : std::true_type {};
