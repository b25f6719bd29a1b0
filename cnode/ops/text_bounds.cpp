#include "ops/text_bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace muster::ops {
namespace {

bool may_be_long(std::string_view member) {
  constexpr std::array<std::string_view, 4> commands{"start_cmd", "stop_cmd", "cmd", "args"};
  return std::find(commands.begin(), commands.end(), member) != commands.end();
}

Result<void> check_elements(const Type& type, const void* value) {
  bool is_list = !type.is_present;  // else an optional value
  for (std::size_t i = 0, count = type.count(value); i < count; ++i)
    if (auto r = check_texts(type.inner(), type.at(value, i)); !r)
      return is_list ? at_field(std::move(r).error(), std::to_string(i)) : std::move(r).error();
  return {};
}

}  // namespace

Result<void> check_texts(const Type& type, const void* value) {
  if (type.inner) return check_elements(type, value);
  if (type.kind == Kind::text) {
    auto size = static_cast<const std::string*>(value)->size();
    if (size <= longest_text) return {};
    return Error(Errc::too_large, fmt::format("{} bytes; at most {}", size, longest_text));
  }
  if (!type.structure) return {};
  for (auto& member : type.structure()->members) {
    if (may_be_long(member.name)) continue;
    if (auto r = check_texts(member.type(), member.address_of(value)); !r)
      return at_field(std::move(r).error(), member.name);
  }
  return {};
}

}  // namespace muster::ops
