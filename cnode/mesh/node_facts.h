#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "etf/term.h"
#include "mesh/stock_calls.h"

namespace muster::mesh {

/// What a node says of itself when the link comes up: printable text, versions of at most 64 bytes
/// and names of at most 200.
struct NodeFacts {
  std::string otp_release;   ///< "25"
  std::string erts_version;  ///< "13.1.5"
  std::string architecture;  ///< "x86_64-pc-linux-gnu"
  std::string script_name;   ///< boot script id: name and version, init:script_id/0
  std::string script_version;
  Timestamp started_at;  ///< by the node's own clock
  std::uint32_t creation = 0;
};

/// Reads them all.
StockCalls facts_calls();

/// The answer to facts_calls(). `creation` is known from the handshake. Errors: internal, naming
/// what was odd; a start before 1970 or after the year 9999 is.
Result<NodeFacts> parse_facts(const etf::Term& answer, std::uint32_t creation);

}  // namespace muster::mesh
