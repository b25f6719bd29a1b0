// Arguments of operations, as a term or as JSON: an error that names a field, or a struct that goes
// out in both forms and comes back the same.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "etf/decode.h"
#include "tests/unit/ops/sample.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  Result<sample::Everything> given = Error(Errc::bad_request, "");
  if (data[0] % 2 == 0) {
    auto term = etf::decode(bytes, etf::Limits{64, 100'000});
    if (!term) return 0;
    given = ops::read<sample::Everything>(ops::Input(*term));
  } else {
    boost::json::error_code ec;
    auto value = boost::json::parse(bytes, ec);
    if (ec) return 0;
    given = ops::read<sample::Everything>(ops::Input(value));
  }
  if (!given) {
    if (given.error().errc() != Errc::bad_request) std::abort();
    return 0;
  }
  auto term = ops::to_term(*given);
  auto json = ops::to_json(*given);
  const auto from_term = ops::read<sample::Everything>(ops::Input(term));
  const auto from_json = ops::read<sample::Everything>(ops::Input(json));
  if (!from_term || !from_json) std::abort();
  if (from_term->port != from_json->port || from_term->text != from_json->text) std::abort();
  return 0;
}
