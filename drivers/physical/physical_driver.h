#pragma once

#include <boost/json/object.hpp>

#include "drivers/driver.h"
#include "drivers/hosts.h"

namespace muster::drivers {

/// The provider `physical`: machines that run already and let us in by SSH.
Result<std::unique_ptr<Driver>> make_physical_driver(const boost::json::object& options,
                                                     Hosts& hosts);

}  // namespace muster::drivers
