#pragma once

#include <vector>

#include "services/access/audit_types.h"
#include "store/database.h"

namespace muster::access {

/// The table `audit`: the newest entries, and where there are more than `most`, the oldest of the
/// caller that has most of them go, so that nobody writes another's changes away.
class AuditRows {
 public:
  static constexpr std::size_t most = 50'000;  ///< of at most 1.5 KiB each

  explicit AuditRows(store::Database& database, std::size_t bound = most)
      : database_(database), bound_(bound) {}

  Task<std::int64_t> last_id();
  Task<> put(std::vector<AuditEntry> entries);
  /// Newest first.
  Task<ops::Page<AuditEntry>> find(AskAudit request);

 private:
  store::Database& database_;
  const std::size_t bound_;
};

/// The daemon's own entry, by whoever has the database to himself. Its id is the next.
Result<> put_offline(store::Connection& db, std::string operation, Timestamp now);

}  // namespace muster::access
