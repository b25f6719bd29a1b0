#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace muster::dist {

/// epmd gives a name to whoever asks first, so any user of this machine can take ours while we are
/// away. That must not keep us from starting. A living node of this user or of root that really has
/// the name is another matter: two nodes of one name take each other's links.
///
/// Error: conflict, where such a node answers under `name`: the port that epmd knows is listened on
/// by this user or root only, and in a handshake, which is given up before any proof, the node
/// calls itself so. Otherwise, with whatever has the name, nothing.
Task<> name_is_free(boost::asio::io_context& context, std::string name, std::uint16_t epmd_port);

/// Whether all that listens on this port belongs to `user` or root, as /proc/net/tcp says:
/// `table` is its text. False where nothing does.
bool is_listened_by(std::string_view table, std::uint16_t port, unsigned user);

}  // namespace muster::dist
