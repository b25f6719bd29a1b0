#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>

namespace muster::drivers {

/// A text member that was checked before, or `otherwise`.
std::string text_option(const boost::json::object& options, std::string_view name,
                        std::string_view otherwise = {});

/// A name or address that can stand in a node name and be resolved.
bool is_host_name(std::string_view text);

}  // namespace muster::drivers
