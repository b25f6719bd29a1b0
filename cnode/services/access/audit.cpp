#include "services/access/audit.h"

#include "base/log.h"
#include "base/timeout.h"
#include "ops/rows.h"

namespace muster::access {

std::vector<ops::Operation> Audit::operations() {
  ops::Rows rows("muster", *this);
  rows.add("audit", {"GET", "/api/audit"}, ops::Role::admin,
           "Who changed what, when, from where and how it ended; newest first", &Audit::find);
  return rows.take();
}

Task<> Audit::start() {
  CO_TRY(auto last, co_await rows_.last_id());
  log_ = AuditLog(last + 1);
  running_.spawn("audit", run_writing());
  co_return Result<>();
}

asio::awaitable<void> Audit::stop() {
  running_.cancel();
  co_await running_.join();
  if (auto written = co_await write(); !written)
    log::error("audit: the last entries are not written: {}", written.error().text());
}

void Audit::note_daemon(std::string operation, std::string about) {
  note({std::move(operation), "daemon", {}, ops::Role::admin, std::move(about)});
}

asio::awaitable<void> Audit::run_writing() {
  bool was_written = true;
  for (;;) {
    co_await pause(std::chrono::seconds(1));
    auto written = co_await write();
    if (!written && was_written) log::error("audit: {}", written.error().text());
    was_written = written.has_value();
  }
}

/// Two at once, of this loop and of a reader, write the same twice: no harm.
Task<> Audit::write() {
  auto entries = log_.unwritten();
  if (!entries.empty()) CO_TRYV(co_await rows_.put(entries));
  log_.written(entries, clock_.now());
  co_return Result<>();
}

/// What was done a moment ago is in the answer.
Task<ops::Page<AuditEntry>> Audit::find(AskAudit request, ops::Caller caller) {
  CO_TRYV(co_await write());
  auto held = co_await reading_.take(caller.name);
  co_return co_await rows_.find(std::move(request));
}

}  // namespace muster::access
