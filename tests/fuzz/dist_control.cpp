// Control messages: whatever the frame, an error or views that lie inside it.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dist/control.h"
#include "dist/erpc.h"
#include "dist/gen.h"

namespace {

void must_lie_in(std::string_view part, std::string_view frame) {
  if (part.empty()) return;
  if (part.data() < frame.data() || part.data() + part.size() > frame.data() + frame.size()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view frame(reinterpret_cast<const char*>(data), size);
  const auto control = muster::dist::decode_control(frame);
  if (!control) return 0;
  for (const auto part :
       {control->from.node, control->to.node, control->name, control->ref.node, control->from_raw,
        control->target_raw, control->ref_raw, control->reason, control->token,
        control->group_leader, control->module, control->function, control->payload}) {
    must_lie_in(part, frame);
  }
  muster::dist::ErpcCall::read({"erpc", "execute_call", 4, control->payload});
  muster::dist::alias_in(control->payload);
  return 0;
}
