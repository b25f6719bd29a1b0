// Terms in the external format: whatever the bytes, an error or a term that reads back from its own
// encoding.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "etf/decode.h"
#include "etf/encode.h"
#include "etf/print.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster::etf;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto term = decode(bytes, Limits{64, 100'000});
  if (!term) return 0;
  to_string(*term);
  std::string encoded;
  encode(*term, encoded);
  const auto again = decode(encoded);
  if (!again || !(*again == *term)) std::abort();
  return 0;
}
