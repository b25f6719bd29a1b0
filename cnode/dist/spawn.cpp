#include "dist/spawn.h"

#include "dist/gen.h"
#include "dist/link.h"
#include "dist/node_core.h"
#include "etf/decode.h"
#include "etf/encode.h"

namespace muster::dist {

Job::Job(std::shared_ptr<Link> link, LocalPid pid, const PeerPid& caller, const PeerRef& request,
         std::string_view group_leader, bool is_monitored, bool is_linked)
    : link_(std::move(link)),
      pid_(pid),
      caller_(caller),
      request_(request),
      is_monitored_(is_monitored),
      is_linked_(is_linked),
      group_leader_(group_leader.size() <= most_kept ? group_leader : std::string_view()) {}

Job::~Job() {
  if (!is_done_) finish_encoded("\x77\x06killed");
}

void Job::finish(const etf::Term& reason) {
  if (is_done_) return;
  std::string encoded;
  etf::encode(reason, encoded);
  finish_encoded(encoded);
}

void Job::finish_encoded(std::string_view reason) {
  if (std::exchange(is_done_, true)) return;
  link_->end_job(*this, reason);
  cancelled_ = nullptr;
  messages_ = nullptr;
}

/// The peer does not want it any more: it is over, and who works on it may stop.
void Job::cancel() {
  if (is_done_) return;
  auto cancelled = std::exchange(cancelled_, nullptr);
  finish_encoded("\x77\x06killed");
  if (cancelled) cancelled();
}

etf::Pid Job::caller() const {
  return link_->pid(caller_);
}

etf::Term Job::group_leader() const {
  auto term = etf::decode(group_leader_);
  return term ? *std::move(term) : etf::Term();
}

}  // namespace muster::dist
