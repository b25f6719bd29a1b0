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
