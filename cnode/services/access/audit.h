#pragma once

#include "base/slots.h"
#include "base/task_group.h"
#include "ops/operation.h"
#include "services/access/audit_log.h"
#include "services/access/audit_rows.h"

namespace muster::access {

/// Who changed what, and who was not allowed to: takes what the operation table tells of every call
/// (ops::Attempt), writes it within a second, and answers muster.audit. A flood costs neither
/// memory nor disk (AuditLog, AuditRows), and never makes a call wait. Made by app; lives on the
/// loop. What it could not write, for instance on a full disk, is written later.
class Audit {
 public:
  Audit(asio::any_io_executor executor, store::Database& database, const Clock& clock)
      : rows_(database), clock_(clock), running_(std::move(executor)) {}

  /// Before anything is told.
  Task<> start();
  /// Writes what is left.
  asio::awaitable<void> stop();

  void note(const ops::Attempt& attempt) { log_.note(attempt, clock_.now()); }
  /// The daemon's own: that it started, that it ends.
  void note_daemon(std::string operation, std::string about = {});
  /// muster.audit
  std::vector<ops::Operation> operations();

 private:
  asio::awaitable<void> run_writing();
  Task<> write();
  Task<ops::Page<AuditEntry>> find(AskAudit request, ops::Caller caller);

  AuditRows rows_;
  const Clock& clock_;
  AuditLog log_;
  Slots reading_{2};
  TaskGroup running_;
};

}  // namespace muster::access
