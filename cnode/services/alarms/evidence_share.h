#pragma once

#include <optional>

#include "ops/convert.h"

namespace muster::alarms {

/// Bytes of memory that evidence takes, about: the same for all that are equal.
std::size_t memory_of(const ops::json::value& evidence);

/// What the evidence of one node (or family) may take in sum, wherever it is kept: 1 MiB of memory.
/// What does not fit is left out, and says so. Plain code; owned by who keeps the evidence.
class EvidenceShare {
 public:
  static constexpr std::size_t most = std::size_t{1} << 20;

  /// It is kept from now on; a note takes its place where it does not fit, and is not ours.
  void take(std::optional<ops::json::value>& evidence, bool is_ours = false);
  /// It is not kept any more.
  void give_back(const std::optional<ops::json::value>& evidence);
  std::size_t held() const { return held_; }

 private:
  std::size_t held_ = 0;
};

/// Evidence that counts in a share as long as it is here. The share must outlive it.
class KeptEvidence {
 public:
  KeptEvidence() = default;
  KeptEvidence(const KeptEvidence&) = delete;
  ~KeptEvidence();

  void set(EvidenceShare& share, std::optional<ops::json::value> evidence, bool is_ours);
  const std::optional<ops::json::value>& get() const { return evidence_; }

 private:
  EvidenceShare* share_ = nullptr;  ///< once there is evidence
  std::optional<ops::json::value> evidence_;
};

}  // namespace muster::alarms
