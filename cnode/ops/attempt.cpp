#include "ops/attempt.h"

#include <algorithm>
#include <array>
#include <map>
#include <span>

#include "base/clean_text.h"

namespace muster::ops {
namespace {

constexpr std::size_t longest_value = 100, longest = 400;
constexpr std::size_t most_fields = 256;  ///< looked at: a request that has more is refused

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
    if (all.size() > longest_value) return clean_text(all, longest_value) + "…";
  }
  return all;
}

std::string text_of(const etf::Term& term) {
  std::string text;
  if (term.text(text)) return clean_text(text, longest_value);
  auto* list = term.get_if<etf::List>();
  if (!list) return {};
  for (auto& element : list->elements) {
    std::string one;
    text += text.empty() ? "" : ",";
    if (element.text(one)) text += clean_text(one, longest_value);
    if (text.size() > longest_value) return clean_text(text, longest_value) + "…";
  }
  return text;
}

std::string text_of(const Input& given) {
  if (auto* value = given.json()) return text_of(*value);
  auto* term = given.term();
  return term ? text_of(*term) : std::string();
}

bool is_recorded(const Member& member) {
  return std::find(recorded.begin(), recorded.end(), member.name) != recorded.end() &&
         is_plain(member.type());
}

/// "name=a role=viewer", as far as there is room.
class Line {
 public:
  void add(std::string_view name, const std::string& text) {
    if (text.empty() || out_.size() + name.size() + text.size() > longest) return;
    out_.append(out_.empty() ? "" : " ").append(name).append("=").append(text);
  }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

}  // namespace

Outcome outcome_of(const Error& error) {
  auto errc = error.errc();
  bool is_ours = errc == Errc::timeout || errc == Errc::unavailable || errc == Errc::internal;
  return is_ours ? Outcome::failed : Outcome::refused;
}

std::string about(const Struct* structure, const void* request) {
  Line line;
  if (!structure) return {};
  for (auto& member : structure->members) {
    auto& type = member.type();
    auto* value = member.address_of(request);
    if (type.is_present && !type.is_present(value)) continue;
    if (member.name == arguments) {
      std::vector<etf::Term> terms;
      if (type.to_term(value).proper_list(terms)) line.add("arity", std::to_string(terms.size()));
    } else if (is_recorded(member)) {
      line.add(member.name, text_of(type.to_json(value)));
    }
  }
  return line.take();
}

std::string about(const Struct* structure, const Fields& given) {
  Line line;
  if (!structure) return {};
  std::map<const Member*, const Input*> values;  // in the order of the members
  for (auto& [name, value] : std::span(given).first(std::min(given.size(), most_fields)))
    if (auto* member = structure->find(name)) values.emplace(member, &value);
  for (auto [member, value] : values) {
    if (value->is_null()) continue;
    if (member->name == arguments) {
      if (auto terms = value->elements()) line.add("arity", std::to_string(terms->size()));
    } else if (is_recorded(*member)) {
      line.add(member->name, text_of(*value));
    }
  }
  return line.take();
}

}  // namespace muster::ops
