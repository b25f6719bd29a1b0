// What epmd, or whoever answers on its port, sends back: as it is, and as far as it has come.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "dist/epmd_codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  namespace epmd = muster::dist::epmd;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  epmd::alive_answer(bytes);
  epmd::port_answer(bytes, false);
  epmd::port_answer(bytes, true);
  return 0;
}
