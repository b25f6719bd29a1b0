#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Texts of the SSH protocol family (RFC 4251 section 5): keys, signatures and ssh-agent's
/// messages.
namespace muster::drivers::ssh {

void put_u32(std::string& to, std::uint32_t number);
void put_string(std::string& to, std::string_view bytes);

/// Reads from the front of bytes that others wrote.
class WireReader {
 public:
  explicit WireReader(std::string_view bytes) : rest_(bytes) {}
  std::optional<std::uint8_t> u8();
  std::optional<std::uint32_t> u32();
  std::optional<std::string_view> string();

 private:
  std::string_view rest_;
};

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace muster::drivers::ssh
