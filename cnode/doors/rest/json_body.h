#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "ops/body.h"
#include "ops/type.h"

namespace muster::doors::rest {

namespace json = boost::json;

/// A JSON body, parsed as it arrives. Members of the request that are bytes (ops::Blob) are decoded
/// from base64 on the way, so a body of 256 MiB takes no more memory than what it carries; the rest
/// of it may be 1 MiB and `value_limit` values. Owned by a Connection; no I/O.
/// Errors: bad_request (what is wrong, and where), too_large.
class JsonBody {
 public:
  /// `[0,0,…` takes many times its text as values, and its conversion time.
  static constexpr std::size_t value_limit = 65'536;

  /// `request` is null, or the struct the body is for; {"`wrapper`": {…}} means what is inside.
  JsonBody(const ops::Struct* request, std::string_view wrapper);
  ~JsonBody();

  Result<> feed(std::string_view bytes);
  Result<> finish();
  /// At most how much memory it takes so far, and what the request takes that is made of it.
  std::uint64_t weight() const;

  /// After finish(): null where there was no body.
  json::value& value() { return value_; }
  /// Members that are bytes, by the name they were given under; they are not in value().
  std::vector<std::pair<std::string, ops::Blob>>& blobs() { return blobs_; }

 private:
  struct State;
  std::unique_ptr<State> state_;
  json::value value_;
  std::vector<std::pair<std::string, ops::Blob>> blobs_;
};

}  // namespace muster::doors::rest
