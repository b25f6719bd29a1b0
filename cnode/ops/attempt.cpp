#include "ops/attempt.h"

#include <algorithm>
#include <array>

#include "base/clean_text.h"

namespace muster::ops {
namespace {

constexpr std::size_t longest_value = 100, longest = 400;

/// A member that is not here is not recorded, whatever it holds.
constexpr std::array<std::string_view, 15> recorded{
    "id",     "name", "node",   "nodes",    "family", "families", "provider",    "release",
    "domain", "role", "module", "function", "level",  "state",    "subscription"};

/// How many arguments a command has is all that is told of them.
constexpr std::string_view arguments = "args";

bool is_plain(const Type& type) {
  if (type.kind == Kind::array) return is_plain(type.inner());
  return type.kind == Kind::text || type.kind == Kind::node_name || type.kind == Kind::enumeration;
}

std::string text_of(const json::value& value) {
  if (auto* text = value.if_string()) return clean_text(*text, longest_value);
  std::string all;
  auto* list = value.if_array();
  if (!list) return all;
  for (auto& element : *list) {
    all += (all.empty() ? "" : ",") + text_of(element);
    if (all.size() > longest_value) return all.substr(0, longest_value) + "…";
  }
  return all;
}

}  // namespace

Outcome outcome_of(const Error& error) {
  auto errc = error.errc();
  bool is_ours = errc == Errc::timeout || errc == Errc::unavailable || errc == Errc::internal;
  return is_ours ? Outcome::failed : Outcome::refused;
}

std::string about(const Struct* structure, const void* request) {
  std::string out;
  if (!structure) return out;
  auto add = [&](std::string_view name, const std::string& text) {
    if (text.empty() || out.size() + name.size() + text.size() > longest) return;
    out.append(out.empty() ? "" : " ").append(name).append("=").append(text);
  };
  for (auto& member : structure->members) {
    auto& type = member.type();
    auto* value = member.address_of(request);
    if (type.is_present && !type.is_present(value)) continue;
    bool is_recorded = std::find(recorded.begin(), recorded.end(), member.name) != recorded.end();
    if (member.name == arguments) {
      std::vector<etf::Term> terms;
      if (type.to_term(value).proper_list(terms)) add("arity", std::to_string(terms.size()));
    } else if (is_recorded && is_plain(type)) {
      add(member.name, text_of(type.to_json(value)));
    }
  }
  return out;
}

}  // namespace muster::ops
