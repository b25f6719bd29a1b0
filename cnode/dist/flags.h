#pragma once

#include <cstdint>

/// Capability flags of the handshake.
/// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#dflags
namespace muster::dist::flag {

constexpr std::uint64_t published = 1u << 0;  // never ours
constexpr std::uint64_t extended_references = 1u << 2;
constexpr std::uint64_t dist_monitor = 1u << 3;
constexpr std::uint64_t fun_tags = 1u << 4;
constexpr std::uint64_t dist_monitor_name = 1u << 5;
constexpr std::uint64_t new_fun_tags = 1u << 7;
constexpr std::uint64_t extended_pids_ports = 1u << 8;
constexpr std::uint64_t export_ptr_tag = 1u << 9;
constexpr std::uint64_t bit_binaries = 1u << 10;
constexpr std::uint64_t new_floats = 1u << 11;
constexpr std::uint64_t unicode_io = 1u << 12;
constexpr std::uint64_t small_atom_tags = 1u << 14;
constexpr std::uint64_t utf8_atoms = 1u << 16;
constexpr std::uint64_t map_tag = 1u << 17;
constexpr std::uint64_t big_creation = 1u << 18;
constexpr std::uint64_t send_sender = 1u << 19;
constexpr std::uint64_t exit_payload = 1u << 22;
constexpr std::uint64_t handshake_23 = 1u << 24;
constexpr std::uint64_t unlink_id = 1u << 25;
constexpr std::uint64_t mandatory_25_digest = 1u << 26;
constexpr std::uint64_t spawn = 1ull << 32;
constexpr std::uint64_t name_me = 1ull << 33;
constexpr std::uint64_t v4_nc = 1ull << 34;
constexpr std::uint64_t alias = 1ull << 35;

/// What mandatory_25_digest stands for.
constexpr std::uint64_t mandatory_25 =
    extended_references | fun_tags | new_fun_tags | extended_pids_ports | export_ptr_tag |
    bit_binaries | new_floats | utf8_atoms | map_tag | big_creation | handshake_23;

/// What we announce. OTP 27 takes the digest instead of the single bits, OTP 23 does not: both are
/// set. Without published, fragments and atom cache, see README.md.
constexpr std::uint64_t ours = mandatory_25 | mandatory_25_digest | dist_monitor |
                               dist_monitor_name | unicode_io | small_atom_tags | send_sender |
                               exit_payload | unlink_id | spawn | v4_nc | alias;
static_assert(ours == 0xd'074f'5fbc);

/// Without these we could not talk with a peer at all; every OTP since 20 has them.
constexpr std::uint64_t required =
    extended_references | extended_pids_ports | utf8_atoms | new_fun_tags | new_floats | map_tag;

}  // namespace muster::dist::flag
