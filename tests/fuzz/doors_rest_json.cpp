// JSON bodies in pieces, with bytes in them: the same value, bytes and verdict whatever the pieces.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "doors/rest/json_body.h"
#include "ops/convert.h"
#include "tests/fuzz/same_json.h"

namespace {

struct Release {
  std::string name;
  muster::ops::Blob release;
};
BOOST_DESCRIBE_STRUCT(Release, (), (name, release))

struct Outcome {
  bool is_good = false;
  boost::json::value value;
  std::string bytes;
};

Outcome parse(std::string_view text, std::size_t step) {
  muster::doors::rest::JsonBody body(muster::ops::type_of<Release>().structure(), "wrapped");
  Outcome outcome;
  for (; !text.empty(); text.remove_prefix(std::min(step, text.size())))
    if (!body.feed(text.substr(0, step))) return outcome;
  if (!body.finish()) return outcome;
  outcome.is_good = true;
  outcome.value = body.value();
  for (auto& [name, blob] : body.blobs())
    for (auto& piece : blob.pieces) outcome.bytes += piece;
  return outcome;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto whole = parse(text, size + 1), pieces = parse(text, 3);
  if (whole.is_good != pieces.is_good || whole.bytes != pieces.bytes) std::abort();
  if (!is_same_json(whole.value, pieces.value)) std::abort();
  return 0;
}
