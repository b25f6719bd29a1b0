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

void EvidenceShare::take(std::optional<value>& evidence, bool is_ours) {
  if (!evidence) return;
  if (!is_ours && held_ + memory_of(*evidence) > most)
    evidence = ops::json::object{{"left_out", "there is too much evidence of its alarms already"}};
  held_ += memory_of(*evidence);
}

void EvidenceShare::give_back(const std::optional<value>& evidence) {
  if (evidence) held_ -= memory_of(*evidence);
}

KeptEvidence::~KeptEvidence() {
  if (share_) share_->give_back(evidence_);
}

void KeptEvidence::set(EvidenceShare& share, std::optional<value> evidence, bool is_ours) {
  share_ = &share;
  share.give_back(evidence_);
  evidence_ = std::move(evidence);
  share.take(evidence_, is_ours);
}

}  // namespace muster::alarms
