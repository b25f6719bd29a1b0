#include "services/alarms/evidence_share.h"

namespace muster::alarms {

using ops::json::value;

std::size_t memory_of(const value& evidence) {
  auto bytes = sizeof(value);
  if (auto* text = evidence.if_string()) return bytes + text->size();
  if (auto* array = evidence.if_array())
    for (auto& one : *array) bytes += memory_of(one);
  if (auto* object = evidence.if_object())
    for (auto& pair : *object) bytes += sizeof(value) + pair.key().size() + memory_of(pair.value());
  return bytes;
}

void EvidenceShare::take(std::optional<value>& evidence) {
  if (evidence && held_ + memory_of(*evidence) > most)
    evidence = ops::json::object{{"left_out", "there is too much evidence of its alarms already"}};
  take_ours(evidence);
}

void EvidenceShare::take_ours(const std::optional<value>& evidence) {
  if (evidence) held_ += memory_of(*evidence);
}

void EvidenceShare::give_back(const std::optional<value>& evidence) {
  if (evidence) held_ -= memory_of(*evidence);
}

}  // namespace muster::alarms
