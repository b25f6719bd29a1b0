#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "services/metrics/types.h"

namespace muster::metrics {

/// What the daemon says of itself, as it is asked: each value under a name of Prometheus' manner.
/// Plain data.
class HealthSheet {
 public:
  using Labels = std::map<std::string, std::string>;

  template <class N>
  void gauge(std::string_view name, std::string_view help, N value, Labels labels = {}) {
    add(name, help, "gauge", number(value), std::move(labels));
  }
  template <class N>
  void counter(std::string_view name, std::string_view help, N value, Labels labels = {}) {
    add(name, help, "counter", number(value), std::move(labels));
  }
  void histogram(std::string_view name, std::string_view help, const Histogram& value,
                 const Labels& labels = {});

  /// Prometheus' text format.
  std::string exposition() const;
  const std::vector<HealthView>& families() const { return families_; }

 private:
  template <class N>
  static store::Number number(N value) {
    if constexpr (std::is_floating_point_v<N>)
      return store::Number::of(static_cast<double>(value));
    else
      return store::Number::of(static_cast<std::int64_t>(value));
  }
  void add(std::string_view name, std::string_view help, std::string_view type, store::Number value,
           Labels labels, std::string_view suffix = "");

  std::vector<HealthView> families_;
};

/// A part of the daemon that puts its values on the sheet.
using HealthSource = std::function<void(HealthSheet&)>;

/// Of the process.
std::uint64_t resident_bytes();
/// The process: CPU, memory, open files.
void put_process(HealthSheet& sheet);

}  // namespace muster::metrics
