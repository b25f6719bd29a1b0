// HTTP requests and their JSON bodies. Input: how many bytes arrive at a time, then the bytes.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "doors/rest/json_body.h"
#include "doors/rest/request_parser.h"
#include "ops/body.h"
#include "ops/convert.h"

namespace {

using namespace muster;

struct Sample {
  std::string name;
  std::optional<std::int64_t> count;
  std::optional<ops::Blob> release;
};
BOOST_DESCRIBE_STRUCT(Sample, (), (name, count, release))

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 64 + 1;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string_view arrived;
  const auto more = [&] {
    const auto count = std::min(piece, rest.size());
    arrived = {arrived.data() == nullptr ? rest.data() : arrived.data(), arrived.size() + count};
    rest.remove_prefix(count);
    return count > 0;
  };

  doors::rest::RequestParser parser;
  doors::rest::JsonBody body(ops::type_of<Sample>().structure(), "sample");
  parser.limit_body(1 << 20);
  bool has_head = false;
  while (more()) {
    if (!has_head) {
      const auto fed = parser.feed_head(arrived);
      if (!fed) return 0;
      has_head = *fed;
      if (!has_head) continue;
      parser.head().header("authorization");
      parser.head().path();
      parser.head().query();
    }
    std::string out;
    if (!parser.feed_body(arrived, out) || !body.feed(out)) return 0;
    if (parser.is_done()) break;
  }
  if (has_head && parser.is_done() && body.finish()) body.value();
  return 0;
}
