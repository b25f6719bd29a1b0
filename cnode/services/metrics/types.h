#pragma once

#include <boost/describe.hpp>
#include <cmath>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "ops/convert.h"
#include "store/metrics/sample.h"

namespace muster::ops {

/// A number as it was measured: integers stay integers. What JSON and Erlang have no number for
/// (NaN, infinity) is null, or the atom undefined.
template <>
struct Convert<store::Number> {
  static Result<store::Number> read(const Input& in) { return in.wanted("nothing: only goes out"); }
  static json::value to_json(const store::Number& number) {
    if (!number.is_real) return number.integer();
    return std::isfinite(number.real()) ? json::value(number.real()) : json::value(nullptr);
  }
  static etf::Term to_term(const store::Number& number) {
    if (!number.is_real) return number.integer();
    return std::isfinite(number.real()) ? etf::Term(number.real()) : etf::atom("undefined");
  }
  static json::object schema() { return {{"description", "a number; null for NaN and infinity"}}; }
};

}  // namespace muster::ops

/// What the operations of `metrics` take and give.
namespace muster::metrics {

struct MetricView {
  std::string name, kind, unit, doc;
  std::vector<std::string> labels;
  std::optional<std::string> wombat;
  std::string prometheus;
};
BOOST_DESCRIBE_STRUCT(MetricView, (), (name, kind, unit, doc, labels, wombat, prometheus))

struct CatalogueView {
  std::vector<MetricView> items;
};
BOOST_DESCRIBE_STRUCT(CatalogueView, (), (items))

/// A node, or all of a family.
struct Whose {
  std::optional<std::string> node, family;

  static constexpr ops::Alias aliases[] = {{"node_family", "family"}};
  static constexpr ops::Doc docs[] = {{"node", "id or name"}, {"family", "id or name"}};
};
BOOST_DESCRIBE_STRUCT(Whose, (), (node, family))

/// One series: a metric, and what tells it from others of the same name.
struct SeriesView {
  std::string metric, kind;
  std::map<std::string, std::string> labels;
  std::optional<std::string> part;  ///< "p99", of a histogram
  std::optional<std::string> unit;
};
BOOST_DESCRIBE_STRUCT(SeriesView, (), (metric, kind, labels, part, unit))

struct SeriesList {
  std::vector<SeriesView> items;
};
BOOST_DESCRIBE_STRUCT(SeriesList, (), (items))

struct AskLatest {
  std::optional<std::string> node, family;
  std::vector<std::string> metrics;

  static constexpr ops::Alias aliases[] = {{"node_family", "family"}, {"metric", "metrics"}};
  static constexpr ops::Doc docs[] = {{"metrics", "names; all when absent"}};
};
BOOST_DESCRIBE_STRUCT(AskLatest, (), (node, family, metrics))

struct ValueView {
  std::string metric;
  std::map<std::string, std::string> labels;
  std::optional<std::string> part;
  store::Number value;
};
BOOST_DESCRIBE_STRUCT(ValueView, (), (metric, labels, part, value))

/// What a node sent at once; event metrics.sample, too.
struct LatestView {
  ops::NodeName node;
  Timestamp at, node_at;
  std::vector<ValueView> values;
};
BOOST_DESCRIBE_STRUCT(LatestView, (), (node, at, node_at, values))

struct LatestList {
  std::vector<LatestView> items;
};
BOOST_DESCRIBE_STRUCT(LatestList, (), (items))

enum class Combine { stacked, sum, mean, min, max, percentile };
BOOST_DESCRIBE_ENUM(Combine, stacked, sum, mean, min, max, percentile)

struct QueryMetrics {
  std::optional<std::string> node, family;
  std::vector<std::string> metrics;
  std::optional<Timestamp> since, until;
  std::optional<std::string> step;
  std::optional<Combine> combine;
  std::optional<double> percentile;

  static constexpr ops::Alias aliases[] = {
      {"node_family", "family"}, {"metric", "metrics"}, {"from", "since"}, {"to", "until"}};
  static constexpr ops::Doc docs[] = {
      {"since", "an hour before `until` when absent"},
      {"until", "now when absent"},
      {"step", "1m, 15m, 1h …; as fine as it is kept when absent"},
      {"combine", "of a family: stacked (each node, the default), sum, mean, min, max, percentile"},
      {"percentile", "0 to 100"}};
};
BOOST_DESCRIBE_STRUCT(QueryMetrics, (),
                      (node, family, metrics, since, until, step, combine, percentile))

/// A sample (`value`), or what is kept of several.
struct PointView {
  Timestamp at;
  std::optional<Timestamp> node_at;
  std::optional<store::Number> value;
  std::optional<std::uint64_t> count;
  std::optional<store::Number> min, max, last;
  std::optional<store::Number> mean;
};
BOOST_DESCRIBE_STRUCT(PointView, (), (at, node_at, value, count, min, mean, max, last))

struct LineView {
  std::optional<ops::NodeName> node;  ///< none: of a whole family
  std::string metric, kind;
  std::map<std::string, std::string> labels;
  std::optional<std::string> part, unit;
  std::vector<PointView> points;
};
BOOST_DESCRIBE_STRUCT(LineView, (), (node, metric, kind, labels, part, unit, points))

struct LineList {
  std::vector<LineView> items;
};
BOOST_DESCRIBE_STRUCT(LineList, (), (items))

struct SetInterval {
  std::optional<std::string> node, family;
  std::optional<std::uint32_t> seconds;

  static constexpr ops::Alias aliases[] = {{"node_family", "family"}};
  static constexpr ops::Doc docs[] = {{"seconds", "1 to 3600; the default again when absent"}};
};
BOOST_DESCRIBE_STRUCT(SetInterval, (), (node, family, seconds))

struct IntervalView {
  std::optional<ops::NodeName> node;
  std::optional<std::string> family;
  std::uint32_t seconds;
};
BOOST_DESCRIBE_STRUCT(IntervalView, (), (node, family, seconds))

struct SettingsView {
  std::string schedule;
  std::uint32_t interval;  ///< seconds, where none is set
  std::vector<IntervalView> intervals;
  std::uint64_t disk_bytes = 0, most_disk_bytes = 0, memory_bytes = 0;
  std::uint64_t samples = 0, dropped = 0, damaged_blocks = 0;
  std::uint64_t series = 0;
};
BOOST_DESCRIBE_STRUCT(SettingsView, (),
                      (schedule, interval, intervals, disk_bytes, most_disk_bytes, memory_bytes,
                       samples, dropped, damaged_blocks, series))

/// A value of what the daemon says of itself; `part` of a histogram: bucket (label le), sum, count.
struct HealthValue {
  std::map<std::string, std::string> labels;
  std::optional<std::string> part;
  store::Number value;
};
BOOST_DESCRIBE_STRUCT(HealthValue, (), (labels, part, value))

struct HealthView {
  std::string name, type, help;
  std::vector<HealthValue> values;
};
BOOST_DESCRIBE_STRUCT(HealthView, (), (name, type, help, values))

struct HealthList {
  std::vector<HealthView> items;
};
BOOST_DESCRIBE_STRUCT(HealthList, (), (items))

struct AskLive {
  std::optional<std::string> node, family;
  std::vector<std::string> metrics;
  std::optional<std::uint32_t> seconds;

  static constexpr ops::Alias aliases[] = {{"node_family", "family"}, {"metric", "metrics"}};
  static constexpr ops::Doc docs[] = {
      {"seconds", "for how long, 60 when absent, at most 3600; ask again to go on"}};
};
BOOST_DESCRIBE_STRUCT(AskLive, (), (node, family, metrics, seconds))

struct LiveView {
  std::vector<ops::NodeName> nodes;
  Timestamp until;
};
BOOST_DESCRIBE_STRUCT(LiveView, (), (nodes, until))

}  // namespace muster::metrics
