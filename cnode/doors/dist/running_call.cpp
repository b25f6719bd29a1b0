#include "doors/dist/running_call.h"

#include "etf/weight.h"

namespace muster::doors::dist {

RunningCall::RunningCall(muster::dist::Link& link)
    : link_(link.shared_from_this()), claim_(link.holder()) {}

Result<RunningCall> RunningCall::begin(muster::dist::Link& link, const etf::Term& arguments) {
  constexpr std::size_t frames = 8 * 1024;  // of its coroutines, and what they know of it
  constexpr unsigned half = 2;  // the rest is for the link, which is to carry the answers
  RunningCall call(link);
  if (!call.claim_.set(frames + etf::weight(arguments), half))
    return Error(Errc::unavailable,
                 "what runs for this node and waits for it takes half of the memory that there is "
                 "for all: try again later");
  return call;
}

}  // namespace muster::doors::dist
