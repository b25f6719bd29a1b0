#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dist/spawn.h"

namespace muster::dist {

/// erpc:execute_call(Result, M, F, A), which rpc:call, erpc:call and their kin spawn, taken apart,
/// and the exit reasons that carry its outcome. https://www.erlang.org/doc/apps/kernel/erpc.html
struct ErpcCall {
  std::string result;  ///< the encoded Result reference
  std::string module, function;
  std::vector<etf::Term> arguments;

  /// For a request whose M:F/Arity is erpc:execute_call/4 or erpc:execute_cast/3 (then `result` is
  /// empty). Nothing when the arguments are no such list.
  static std::optional<ErpcCall> read(const SpawnRequest& request);

  /// The same of erpc:execute_call/4 without a look at what it calls: only `result` is set.
  static std::optional<ErpcCall> read_result(const SpawnRequest& request);

  /// Exit reasons, encoded, for Job::finish_encoded.
  std::string returned(const etf::Term& value) const;
  std::string returned_encoded(std::string_view value) const;
  std::string threw(const etf::Term& value) const;
  std::string exited(const etf::Term& reason) const;
  std::string failed(const etf::Term& reason, const etf::Term& stack) const;
};

}  // namespace muster::dist
