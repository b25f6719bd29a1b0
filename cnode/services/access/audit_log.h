#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "services/access/audit_types.h"

namespace muster::access {

/// What is new for the audit, made into few entries: the same by the same caller within a minute is
/// one entry with a count, and of one caller only so many kinds are told apart, fewer of what is
/// refused to it. So neither memory nor what is written grows with the rate of attempts, and what
/// is open costs nothing until it changes or is over. Plain code; owned by Audit.
class AuditLog {
 public:
  static constexpr std::chrono::seconds window{60};
  static constexpr std::size_t most_open = 10'000, refused_kinds = 50, other_kinds = 2000;

  /// Entries get ids from `next_id` on.
  explicit AuditLog(std::int64_t next_id = 1) : next_id_(next_id) {}

  void note(const ops::Attempt& attempt, Timestamp now);
  /// Entries that are new or have counted since they were written.
  std::vector<AuditEntry> unwritten() const;
  /// They are on disk. What is older than the window counts no more.
  void written(const std::vector<AuditEntry>& entries, Timestamp now);
  bool has_unwritten() const { return !unwritten_.empty(); }

 private:
  struct Open {
    AuditEntry entry;
    std::uint64_t written_count = 0;
    bool is_written() const { return written_count == entry.count; }
  };
  using Entries = std::unordered_map<std::string, Open>;  // its elements keep their place
  Entries::value_type& entry_for(const ops::Attempt& attempt, Timestamp now);
  void forget(Entries::value_type& element);

  std::int64_t next_id_;
  Entries open_;
  std::vector<Open*> unwritten_;
  std::deque<std::pair<Timestamp, Entries::value_type*>> ages_;  ///< by when each was opened
  /// Kinds of a caller's attempts that are open.
  struct Kinds {
    std::size_t refused = 0, other = 0;
    std::size_t& of(ops::Outcome outcome) {
      return outcome == ops::Outcome::refused ? refused : other;
    }
  };
  std::unordered_map<std::string, Kinds> kinds_;  ///< by caller
};

}  // namespace muster::access
