#pragma once

#include <span>

#include "ops/events.h"
#include "ops/table.h"

namespace muster::ops {

/// The OpenAPI 3.1 document of everything in `table`; events are under x-muster-events.
json::object openapi(const Table& table, const std::vector<Topic>& topics);

/// A schema in a few words: "text", "list of text", "one of new, cleared".
std::string in_words(const json::object& schema);

}  // namespace muster::ops
