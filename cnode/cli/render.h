#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

#include "ops/table.h"

namespace muster::cli {

namespace json = boost::json;

/// An answer for people: a list of objects is a table, an object its fields, the rest as it is.
std::string render(const json::value& value);

/// Indented JSON with the keys in order: what is kept in files and compared.
std::string pretty(const json::value& value);

/// schemas/events.md out of an OpenAPI document of the daemon.
std::string render_events(const json::object& openapi);

/// schemas/operations.md out of the daemon's table.
std::string render_operations_page(const std::vector<ops::Help>& help);

/// Rows of cells in columns, the first row being the head.
std::string columns(const std::vector<std::vector<std::string>>& rows);

/// The table of operations, and one operation with its arguments.
std::string render_operations(const std::vector<ops::Help>& help);
std::string render_operation(const ops::Help& help);

}  // namespace muster::cli
