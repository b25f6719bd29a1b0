#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

/// Messages of the Erlang port mapper, without I/O.
/// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#epmd-protocol
namespace muster::dist::epmd {

/// An answer is never longer.
constexpr std::size_t max_answer = 2048;

/// "Here I am": a hidden node of protocol versions 5 and 6. The connection stays open for as long
/// as the name is to be known.
std::string alive_request(std::string_view name, std::uint16_t port);
/// Nothing: more bytes are needed. Errors: conflict (the name is taken), internal (no answer that
/// epmd gives).
std::optional<Result<>> alive_answer(std::string_view bytes);

/// Where does this name listen?
std::string port_request(std::string_view name);
struct Entry {
  std::uint16_t port = 0;
  std::uint16_t highest_version = 0, lowest_version = 0;
};
/// Nothing: more bytes are needed. `at_end`: epmd has closed. Errors: LinkError::not_registered,
/// internal.
std::optional<Result<Entry>> port_answer(std::string_view bytes, bool at_end);

}  // namespace muster::dist::epmd
