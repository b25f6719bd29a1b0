#pragma once

#include <optional>
#include <string>

#include "etf/term.h"
#include "ops/json_term.h"

/// What nodes say, made fit to be kept: whatever the bytes, it is UTF-8 of bounded length.
namespace muster::alarms {

/// A name: text as it is, any other term as a shell prints it; at most 250 bytes.
std::string node_text(const etf::Term& term);

/// Evidence of about 16 KiB and 16 levels, its texts printable; what is more is kept as text,
/// shortened.
ops::json::value bounded_evidence(ops::json::value evidence);
ops::json::value evidence_of(const etf::Term& term);

}  // namespace muster::alarms
