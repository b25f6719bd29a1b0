#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace muster {

/// SHA-256 of bytes as they come.
class Sha256 {
 public:
  Sha256();
  void update(std::string_view bytes);
  /// The 32 bytes; nothing may follow.
  std::array<std::uint8_t, 32> finish();

 private:
  struct Free {
    void operator()(void* context) const;
  };
  std::unique_ptr<void, Free> context_;
};

/// Lower-case hex.
std::string to_hex(std::span<const std::uint8_t> bytes);
std::string sha256_hex(std::string_view bytes);
/// Blocking: call it through offload.
Result<std::string> sha256_of_file(const std::filesystem::path& file);

}  // namespace muster
