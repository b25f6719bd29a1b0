#pragma once

#include <boost/json.hpp>
#include <string>
#include <vector>

namespace muster::test {

/// Checks replies against the OpenAPI document of a daemon, with the part of JSON Schema that the
/// daemon writes.
class OpenApi {
 public:
  explicit OpenApi(boost::json::value document) : document_(std::move(document)) {}

  /// What is wrong with an answer to `method` `path` (without query), or nothing. Errors must be
  /// problem documents on every path; successes must have the documented status and shape.
  std::string check(const std::string& method, const std::string& path, int status,
                    const boost::json::value& reply) const;
  /// What is wrong with `value`, or nothing.
  std::string check(const boost::json::object& schema, const boost::json::value& value,
                    const std::string& at = "") const;
  /// An event as a WebSocket sends it.
  std::string check_event(const boost::json::object& event) const;

 private:
  const boost::json::object& resolve(const boost::json::object& schema) const;
  const boost::json::object* operation(const std::string& method, const std::string& path) const;

  boost::json::value document_;
};

}  // namespace muster::test
