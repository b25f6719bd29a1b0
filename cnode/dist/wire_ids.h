#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>

namespace muster::dist {

/// A process of this node. Its node name and creation are added where it is written, as the name
/// differs from link to link.
struct LocalPid {
  std::uint32_t id = 0, serial = 0;
  auto operator<=>(const LocalPid&) const = default;
  explicit operator bool() const { return id != 0 || serial != 0; }
};

/// A process of the node at the other end of a link.
struct PeerPid {
  std::uint32_t id = 0, serial = 0, creation = 0;
  auto operator<=>(const PeerPid&) const = default;
};

/// A reference made by the node at the other end of a link.
struct PeerRef {
  std::uint32_t creation = 0, length = 0;
  std::array<std::uint32_t, 5> words{};
  auto operator<=>(const PeerRef&) const = default;
};

inline std::size_t mix(std::size_t seed, std::uint64_t value) {
  return (seed ^ value) * 0x9e3779b97f4a7c15ull ^ (seed >> 29);
}

struct IdHash {
  std::size_t operator()(const LocalPid& p) const {
    return mix(17, std::uint64_t{p.serial} << 32 | p.id);
  }
  std::size_t operator()(const PeerPid& p) const {
    return mix(mix(17, std::uint64_t{p.serial} << 32 | p.id), p.creation);
  }
  std::size_t operator()(const PeerRef& r) const {
    std::size_t seed = r.creation;
    for (std::uint32_t i = 0; i < r.length; ++i) seed = mix(seed, r.words[i]);
    return seed;
  }
};

}  // namespace muster::dist
