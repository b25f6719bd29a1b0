#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/histogram.h"
#include "base/task_group.h"
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

/// The process: CPU, memory, open files, and how late the loop runs what is due. Owned by the
/// service; lives on the loop.
class ProcessHealth {
 public:
  explicit ProcessHealth(asio::any_io_executor executor) : running_(executor) {}
  void start() { running_.spawn("lateness of the loop", run_watching()); }
  asio::awaitable<void> stop();
  void put(HealthSheet& sheet) const;

 private:
  asio::awaitable<void> run_watching();

  Histogram lateness_;
  TaskGroup running_;
};

}  // namespace muster::metrics
