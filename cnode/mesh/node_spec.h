#pragma once

#include <boost/describe/enum.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/role.h"
#include "base/secret.h"

namespace muster::mesh {

/// A node that is to be linked: what is known before it answers.
struct NodeSpec {
  std::string id;                     ///< of its row
  std::string name;                   ///< "riak1@10.0.0.7"
  Secret cookie;                      ///< empty: the home cookie, or the daemon's own
  Role role = Role::none;             ///< what it may do here when it has proved `cookie`
  std::optional<std::uint16_t> port;  ///< fixed distribution port: epmd is not asked
  bool tls = false;
  bool agents = true;                     ///< false: nothing of ours is loaded into it
  std::optional<std::uint32_t> creation;  ///< when last UP: another one means that it was restarted
};

/// A cookie as Erlang takes it: 1 to 255 printable ASCII characters without blanks. Error:
/// bad_request with the field given.
Result<> check_cookie(std::string_view cookie, const std::string& field);

/// Why a node that should run has no link.
enum class DownReason {
  starting,        ///< just added or started, not dialled to an end yet
  not_registered,  ///< its epmd does not know the name
  refused,         ///< nothing listens: host up, epmd or node down
  timeout,         ///< host or node does not answer
  cookie,          ///< it closed the handshake at our digest: another cookie
  not_allowed,     ///< net_kernel:allow/1 leaves us out
  tls,             ///< no TLS session: certificate, version
  wrong_name,      ///< another node answers there
  closed,          ///< the link was up and the node closed it: stopped, crashed
  silent,          ///< the link was up and no byte came for too long
};

BOOST_DESCRIBE_ENUM(DownReason, starting, not_registered, refused, timeout, cookie, not_allowed,
                    tls, wrong_name, closed, silent)

std::string_view name_of(DownReason reason);

}  // namespace muster::mesh
