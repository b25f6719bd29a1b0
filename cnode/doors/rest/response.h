#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "ops/json_text.h"
#include "ops/operation.h"
#include "ops/replies.h"

namespace muster::doors::rest {

namespace json = boost::json;

/// An answer on its way out.
struct Response {
  int status = 200;
  std::string content_type;  ///< empty: no body
  std::string body;
  std::vector<std::pair<std::string, std::string>> headers;

  bool is_streamed = false;                  ///< the body, or more of it, comes later
  bool is_chunked = false;                   ///< in chunks; else it ends with the connection
  std::optional<ops::JsonPieces> more = {};  ///< what comes after `body`

  /// Status line and headers as they go over the wire before the body.
  std::string head(bool keeps_alive) const;
};

/// What one piece of a body has, about.
constexpr std::size_t piece_size = 64 * 1024;

/// The reply's text, or the first piece of it.
Response json_response(int status, const ops::Reply& reply);
/// RFC 9457; what is unavailable can be asked for again in a few seconds (RFC 9110, 10.2.3).
Response problem_response(const Error& error);

/// "Not Found"
std::string_view reason_of(int status);

}  // namespace muster::doors::rest
