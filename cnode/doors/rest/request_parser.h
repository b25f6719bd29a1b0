#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace muster::doors::rest {

/// A request without its body.
struct RequestHead {
  std::string verb;    ///< "GET"
  std::string target;  ///< "/api/topo/nodes?limit=5"
  bool is_http_1_1 = true;
  bool keeps_alive = false;
  bool is_upgrade = false;        ///< to a WebSocket
  bool expects_continue = false;  ///< Expect: 100-continue
  bool has_body = false;
  std::optional<std::uint64_t> content_length;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names as they came

  /// The first header of that name, whatever its case; empty where there is none.
  std::string_view header(std::string_view name) const;
  std::string_view path() const;
  std::string_view query() const;
};

/// HTTP/1.1 requests out of bytes, without I/O (Beast's parser behind it).
/// Owned by a Connection. Feed it until head() is there, then body() until is_done(); reset() for
/// the next request. Errors: bad_request for what is no HTTP, too_large past a limit, unsupported
/// for a transfer coding that is not `chunked`; the connection cannot go on after one.
/// Stricter than Beast where a proxy in front might read another length out of the same head: one
/// Content-Length of digits or one `Transfer-Encoding: chunked`, not both, and no folded lines.
/// https://www.rfc-editor.org/rfc/rfc9112#section-6.3
class RequestParser {
 public:
  static constexpr std::size_t header_limit = 16 * 1024;

  RequestParser();
  ~RequestParser();

  /// Takes bytes of the head from the front of `bytes`. True when it is complete.
  Result<bool> feed_head(std::string_view& bytes);
  const RequestHead& head() const { return head_; }

  void limit_body(std::uint64_t limit);
  /// Takes bytes of the body from the front of `bytes` and appends what they mean to `out`.
  Result<> feed_body(std::string_view& bytes, std::string& out);
  bool is_done() const;
  void reset();

 private:
  struct State;
  std::unique_ptr<State> state_;
  RequestHead head_;
};

}  // namespace muster::doors::rest
