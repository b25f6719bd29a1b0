#pragma once

#include <string>

#include "base/result.h"

namespace muster::app {

/// Who the daemon is in the mesh: `alive@short_host` to short-named nodes and `alive@long_host` to
/// long-named ones, at once. A long host part has a dot or is an IPv6 address, as OTP's -name wants
/// it.
struct Identity {
  std::string alive;
  std::string short_host;
  std::string long_host;
};

/// From --name: "muster" takes both host parts from this machine; "muster@db1.example.org" gives
/// the long one and "db1"; "muster@db1" the short one; an address ("muster@10.0.0.7") the long one,
/// with this machine's short name. `host_name` is gethostname()'s answer, `canonical` the
/// resolver's for it (may be empty). Where this machine has no name with a dot, the long host part
/// is 127.0.0.1. Errors: bad_request for a name that no Erlang node can have.
Result<Identity> identify(const std::string& name, const std::string& host_name,
                          const std::string& canonical);

/// This machine's name, and the resolver's fully qualified one for it where it has one.
std::string this_host_name();
std::string canonical_name(const std::string& host_name);

}  // namespace muster::app
