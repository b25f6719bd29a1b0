#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// Randomness from OpenSSL's generator: fit for challenges, tokens and keys.
namespace muster {

std::string random_bytes(std::size_t count);
std::uint32_t random_u32();
/// `count` random bytes as lower-case hex.
std::string random_hex(std::size_t count);
/// A version 4 UUID, "98cc7af6-20ce-4a85-8849-63d02ee1959a" (RFC 9562).
std::string random_uuid();
/// True where `text` has the shape of a UUID (any version, either case).
bool is_uuid(std::string_view text);

}  // namespace muster
