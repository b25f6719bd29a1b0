#pragma once

#include <boost/describe/enum.hpp>

namespace muster {

/// What a caller may do; each role includes the ones before it. `none` calls no operation.
enum class Role { none, viewer, operator_, admin };
BOOST_DESCRIBE_ENUM(Role, none, viewer, operator_, admin)

}  // namespace muster
