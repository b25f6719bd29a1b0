// What an agent says: whatever the term, reading it is bounded and gives text that can be shown.
#include <cstdint>
#include <cstdlib>

#include "etf/decode.h"
#include "etf/utf8.h"
#include "services/notifications/entry_reader.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  auto term = muster::etf::decode_external({reinterpret_cast<const char*>(data), size});
  if (!term) return 0;
  auto message = muster::notifications::read_message(*term);
  for (auto& entry : message.entries) {
    if (entry.text.empty() || entry.text.size() > 8192 || !muster::etf::is_utf8(entry.text))
      std::abort();
    if (entry.report.size() > 16 * 1024 || entry.node_at_us < 0) std::abort();
    for (auto* text : {&entry.source, &entry.kind, &entry.application, &entry.pid, &entry.mfa})
      if (text->size() > 256 || !muster::etf::is_utf8(*text)) std::abort();
  }
  return 0;
}
