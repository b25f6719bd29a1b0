#pragma once

#include <boost/json/object.hpp>

#include "drivers/driver.h"
#include "drivers/hosts.h"

namespace muster::drivers {

/// The provider `local`: one machine, this one, without SSH. Options, checked before: `node_host`
/// (127.0.0.1) and `folder`, where nodes are put (the user's home).
Result<std::unique_ptr<Driver>> make_local_driver(const boost::json::object& options, Hosts& hosts);

}  // namespace muster::drivers
