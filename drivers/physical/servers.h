#pragma once

#include <boost/json/value.hpp>
#include <string_view>
#include <vector>

#include "drivers/driver.h"
#include "drivers/hosts.h"

namespace muster::drivers {

/// A server of a physical provider.
struct Server {
  SshTarget target;
  Machine machine;
};

/// `host`, `host:port`, `address`, `[address]:port`. Errors: bad_request.
Result<SshTarget> parse_server(std::string_view text);

/// The member `servers`: one text with servers between commas or spaces, or a list of texts and
/// objects {host, node_host, user, port, key, attributes}. Errors: bad_request naming the member
/// ("/servers/1/port").
Result<std::vector<Server>> parse_servers(const boost::json::value& servers);

}  // namespace muster::drivers
