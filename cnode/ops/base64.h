#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ops/body.h"

namespace muster::ops {

/// Decodes base64 that comes in pieces; white space between is skipped. What is decoded goes to the
/// end of a Blob, in pieces of about a MiB.
class Base64Decoder {
 public:
  Result<void> feed(std::string_view text, Blob& to);
  /// The end of the text: bad_request where it is cut short.
  Result<void> finish();

 private:
  std::uint32_t bits_ = 0;
  int count_ = 0;  // characters in bits_
  int padding_ = 0;
};

std::string base64_encode(std::string_view bytes);

}  // namespace muster::ops
