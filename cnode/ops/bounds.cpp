#include "ops/bounds.h"

#include <fmt/format.h>

#include <algorithm>

namespace muster::ops {
namespace {

using Given = std::vector<std::pair<std::string, std::string>>;

/// A text, or a list of them.
void add_texts(const std::string& name, const json::value& value, Given& given) {
  if (auto* text = value.if_string()) {
    given.emplace_back(name, *text);
  } else if (auto* list = value.if_array()) {
    for (auto& element : *list) add_texts(name, element, given);
  }
}

Result<void> check_one(const Caller& caller, const std::string& name, const std::string& value,
                       const FamilyLookup::Ids& families) {
  auto is_own = [&](auto& id) {
    return std::find(caller.families.begin(), caller.families.end(), id) != caller.families.end();
  };
  if (!families.empty() && std::all_of(families.begin(), families.end(), is_own)) return {};
  constexpr std::size_t shown = 100;
  return Error(Errc::forbidden,
               fmt::format("'{}' is not of the families that {} is bound to",
                           value.substr(0, shown), caller.name),
               "/" + name);
}

}  // namespace

Result<void> check_bounds(const Caller& caller, const Subject& subject, const Given& given,
                          const FamilyLookup& lookup) {
  if (subject.is_nobodys) return {};
  bool is_named = false;
  for (auto& [name, value] : given) {
    auto& look_up = name == subject.family ? lookup.family
                    : name == subject.node ? lookup.node
                                           : lookup.deployed_node;
    if (name != subject.family && name != subject.node && name != subject.deployed_node) continue;
    TRYV(check_one(caller, name, value, look_up ? look_up(value) : FamilyLookup::Ids()));
    is_named = true;
  }
  if (is_named) return {};
  auto& member = !subject.family.empty() ? subject.family
                 : !subject.node.empty() ? subject.node
                                         : subject.deployed_node;
  return Error(Errc::forbidden,
               fmt::format("{} is bound to families: give `{}`", caller.name, member),
               "/" + member);
}

Result<void> check_bounds(const Caller& caller, const Subject& subject, const Struct* structure,
                          const void* request, const FamilyLookup& lookup) {
  Given given;
  for (auto& name : {subject.family, subject.node, subject.deployed_node}) {
    auto* member = structure && !name.empty() ? structure->find(name) : nullptr;
    if (!member) continue;
    auto& type = member->type();
    auto* value = member->address_of(request);
    if (!type.is_present || type.is_present(value)) add_texts(name, type.to_json(value), given);
  }
  return check_bounds(caller, subject, given, lookup);
}

}  // namespace muster::ops
