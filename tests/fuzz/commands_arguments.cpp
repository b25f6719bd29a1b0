// Arguments of a command as JSON: a bad_request, or terms that can be sent; the atoms are the names
// that came as text.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "etf/decode.h"
#include "etf/encode.h"
#include "services/commands/arguments.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace muster;
  boost::json::error_code ec;
  auto value = boost::json::parse(std::string_view(reinterpret_cast<const char*>(data), size), ec);
  if (ec) return 0;
  auto arguments = ops::read<commands::Arguments>(ops::Input(value));
  if (!arguments) {
    if (arguments.error().errc() != Errc::bad_request) std::abort();
    return 0;
  }
  const auto bytes = etf::encode_external(etf::List{arguments->terms, nullptr});
  if (!etf::decode_external(bytes)) std::abort();
  for (auto& name : arguments->atoms)
    if (name.size() > 255) std::abort();
  return 0;
}
