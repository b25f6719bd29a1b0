#include "services/metrics/intervals.h"

namespace muster::metrics {

using store::Connection;
using store::Statement;

std::chrono::seconds Intervals::of(const std::string& node, const std::string& family,
                                   std::chrono::seconds standard) const {
  if (auto found = nodes.find(node); found != nodes.end()) return found->second;
  if (auto found = families.find(family); found != families.end()) return found->second;
  return standard;
}

Task<Intervals> IntervalRows::all() {
  auto job = [](Connection& db) -> Result<Intervals> {
    Intervals intervals;
    Statement s(db, "SELECT node, family, seconds FROM metric_intervals");
    while (s.step()) {
      auto node = s.text(0);
      auto interval = std::chrono::seconds(s.integer(2));
      if (node.empty())
        intervals.families[s.text(1)] = interval;
      else
        intervals.nodes[node] = interval;
    }
    TRYV(s.result());
    return intervals;
  };
  co_return co_await database_.read(job);
}

Task<> IntervalRows::set(std::string node, std::string family, std::chrono::seconds interval) {
  auto job = [&](Connection& db) -> Result<> {
    if (interval.count() == 0) {
      Statement s(db, "DELETE FROM metric_intervals WHERE node = ? AND family = ?");
      return s.bind(node).bind(family).run();
    }
    Statement s(db,
                "INSERT INTO metric_intervals (node, family, seconds) VALUES (?, ?, ?)"
                " ON CONFLICT DO UPDATE SET seconds = excluded.seconds");
    return s.bind(node).bind(family).bind(std::int64_t{interval.count()}).run();
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::metrics
