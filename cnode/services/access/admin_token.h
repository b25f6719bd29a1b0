#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "ops/caller.h"

namespace muster::access {

/// The one token of a fresh installation: `<data>/api.token`, readable by its owner only, made at
/// first start, role admin. The file is what the command line reads; here is only its hash.
class AdminToken {
 public:
  /// Reads the file, or makes it. Errors: the file's; bad_request where others can read it.
  static Result<AdminToken> open(const std::filesystem::path& file);

  std::optional<ops::Caller> find(std::string_view token) const;

 private:
  explicit AdminToken(std::string hash) : hash_(std::move(hash)) {}
  std::string hash_;
};

std::string sha256_of(std::string_view text);

}  // namespace muster::access
