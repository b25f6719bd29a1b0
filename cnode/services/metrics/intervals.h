#pragma once

#include <chrono>
#include <map>
#include <string>

#include "store/database.h"

namespace muster::metrics {

/// How often nodes are asked, where that is not the default: of a node, else of its family.
struct Intervals {
  std::map<std::string, std::chrono::seconds> nodes, families;  ///< by name
  std::chrono::seconds of(const std::string& node, const std::string& family,
                          std::chrono::seconds standard) const;
};

/// Whether a message that says it comes so often is of a live view: once a second or more often,
/// from a node that is asked less often. Also when nobody looks any more.
inline bool is_live(std::int64_t message_interval_ms, std::chrono::seconds interval) {
  return message_interval_ms > 0 && message_interval_ms <= 1000 &&
         interval > std::chrono::seconds(1);
}

/// The table `metric_intervals`.
class IntervalRows {
 public:
  explicit IntervalRows(store::Database& database) : database_(database) {}
  Task<Intervals> all();
  /// 0 s: the default again. One of the two names is empty.
  Task<> set(std::string node, std::string family, std::chrono::seconds interval);

 private:
  store::Database& database_;
};

}  // namespace muster::metrics
