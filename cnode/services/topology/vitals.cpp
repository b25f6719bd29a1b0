#include "services/topology/vitals.h"

#include <algorithm>

namespace muster::topology {
namespace {

const etf::Map* map_at(const etf::Map* from, std::string_view key) {
  auto* value = from ? from->find(key) : nullptr;
  return value ? value->get_if<etf::Map>() : nullptr;
}

/// None is below zero; what is not there is 0.
std::int64_t number_at(const etf::Map& from, std::string_view key) {
  auto* value = from.find(key);
  auto* integer = value ? value->get_if<std::int64_t>() : nullptr;
  return integer ? std::max<std::int64_t>(*integer, 0) : 0;
}

}  // namespace

std::optional<Vitals> vitals_of(const etf::Term& sample, Timestamp now) {
  auto* values = map_at(sample.get_if<etf::Map>(), "values");
  if (!values || !values->find("process_count")) return std::nullopt;
  auto* memory = map_at(values, "memory");
  Vitals vitals;
  vitals.at = now;
  vitals.uptime_ms = number_at(*values, "wall_clock");
  vitals.memory = memory ? number_at(*memory, "total") : 0;
  vitals.process_count = number_at(*values, "process_count");
  vitals.process_limit = number_at(*values, "process_limit");
  vitals.run_queue = number_at(*values, "total_run_queue_lengths_all");
  vitals.schedulers_online = number_at(*values, "schedulers_online");
  return vitals;
}

}  // namespace muster::topology
