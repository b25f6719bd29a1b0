#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "services/access/audit_types.h"

namespace muster::access {

/// What is new for the audit, made into few entries: the same by the same caller within a minute is
/// one entry with a count, and of what is refused to a caller only so many kinds are told apart. So
/// neither memory nor what is written grows with the rate of attempts. Plain code; owned by Audit.
class AuditLog {
 public:
  static constexpr std::chrono::seconds window{60};
  static constexpr std::size_t most_open = 4000, refused_kinds = 50;

  /// Entries get ids from `next_id` on.
  explicit AuditLog(std::int64_t next_id = 1) : next_id_(next_id) {}

  void note(const ops::Attempt& attempt, Timestamp now);
  /// Entries that are new or have counted since they were written.
  std::vector<AuditEntry> unwritten() const;
  /// They are on disk. What is older than the window counts no more.
  void written(const std::vector<AuditEntry>& entries, Timestamp now);
  bool has_unwritten() const { return unwritten_ > 0; }

 private:
  struct Open {
    AuditEntry entry;
    std::uint64_t written_count = 0;
  };
  Open& entry_for(const ops::Attempt& attempt, Timestamp now);

  std::int64_t next_id_;
  std::size_t unwritten_ = 0;
  std::unordered_map<std::string, Open> open_;
  std::unordered_map<std::string, std::size_t> refusals_;  ///< kinds that are open, by caller
};

}  // namespace muster::access
