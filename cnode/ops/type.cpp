#include "ops/type.h"

#include <algorithm>
#include <cctype>

namespace muster::ops {
namespace {

std::string known_names(const Struct& info) {
  std::string names;
  for (auto& member : info.members) names.append(names.empty() ? "" : ", ").append(member.name);
  return names.empty() ? "none" : names;
}

}  // namespace

const Member* Struct::find(std::string_view name) const {
  for (auto& alias : aliases)
    if (alias.alias == name) name = alias.member;
  for (auto& member : members)
    if (member.name == name) return &member;
  return nullptr;
}

Result<void> read_struct(const Struct& info, const Fields& fields, void* object) {
  std::vector<bool> is_given(info.members.size());
  for (auto& [name, value] : fields) {
    auto* member = info.find(name);
    if (!member)
      return at_field(
          Error(Errc::bad_request, fmt::format("unknown field; known: {}", known_names(info))),
          name);
    auto index = member - info.members.data();
    if (is_given[index])
      return at_field(Error(Errc::bad_request, fmt::format("'{}' is given twice", member->name)),
                      name);
    is_given[index] = true;
    auto& type = member->type();
    if (type.may_be_absent && value.is_null()) continue;
    if (auto r = type.read(value, member->address(object)); !r)
      return at_field(std::move(r).error(), name);
  }
  for (std::size_t i = 0; i < info.members.size(); ++i)
    if (!is_given[i] && !info.members[i].type().may_be_absent)
      return at_field(Error(Errc::bad_request, "required, but not given"), info.members[i].name);
  return {};
}

Result<void> read_struct(const Struct& info, const Input& from, void* object) {
  TRY(auto fields, from.fields());
  return read_struct(info, fields, object);
}

json::value struct_to_json(const Struct& info, const void* object) {
  json::object out;
  out.reserve(info.members.size());
  for (auto& member : info.members) {
    auto& type = member.type();
    auto* value = member.address_of(object);
    if (!type.is_present || type.is_present(value)) out.emplace(member.name, type.to_json(value));
  }
  return out;
}

etf::Term struct_to_term(const Struct& info, const void* object) {
  etf::Map out;
  out.pairs.reserve(info.members.size());
  for (auto& member : info.members) {
    auto& type = member.type();
    auto* value = member.address_of(object);
    if (!type.is_present || type.is_present(value))
      out.pairs.emplace_back(etf::atom(member.name), type.to_term(value));
  }
  return out;
}

json::object struct_schema(const Struct& info, Components& components) {
  if (!info.name.empty()) {
    json::object reference{{"$ref", "#/components/schemas/" + info.name}};
    if (components.schemas.contains(info.name)) return reference;
    components.schemas[info.name] = nullptr;  // taken, so that a struct may contain itself
  }
  json::object properties;
  json::array required;
  for (auto& member : info.members) {
    auto& type = member.type();
    auto schema = type.schema(components);
    for (auto& doc : info.docs)
      if (doc.member == member.name) schema["description"] = doc.text;
    properties[member.name] = std::move(schema);
    if (!type.may_be_absent) required.push_back(json::value(member.name));
  }
  json::object schema{
      {"type", "object"}, {"properties", std::move(properties)}, {"additionalProperties", false}};
  if (!required.empty()) schema["required"] = std::move(required);
  if (info.name.empty()) return schema;
  components.schemas[info.name] = std::move(schema);
  return json::object{{"$ref", "#/components/schemas/" + info.name}};
}

std::size_t struct_heap(const Struct& info, const void* object) {
  std::size_t sum = 0;
  for (auto& member : info.members)
    if (auto* heap = member.type().heap) sum += heap(member.address_of(object));
  return sum;
}

std::size_t inner_heap(const Type& type, const void* value) {
  auto* heap = type.inner().heap;
  if (!heap) return 0;
  std::size_t sum = 0;
  for (std::size_t i = 0, count = type.count(value); i < count; ++i) sum += heap(type.at(value, i));
  return sum;
}

std::size_t text_heap(std::size_t capacity) {
  constexpr std::size_t inside = 15;  // of std::string
  return capacity > inside ? capacity + 1 : 0;
}

Result<long long> read_enum(const std::vector<Enumerator>& names, const Input& from) {
  std::string wanted;
  for (auto& each : names) wanted.append(wanted.empty() ? "one of " : ", ").append(each.name);
  TRY(auto given, from.text(wanted));
  for (auto& each : names)
    if (each.name == given) return each.value;
  constexpr std::size_t shown = 40;
  return Error(Errc::bad_request,
               fmt::format("wanted {}, got '{}'", wanted, given.substr(0, shown)));
}

const std::string& enum_name(const std::vector<Enumerator>& names, long long value) {
  auto at = std::find_if(names.begin(), names.end(), [&](auto& e) { return e.value == value; });
  if (at == names.end()) throw std::logic_error("an enumerator without a description");
  return at->name;
}

json::object enum_schema(const std::vector<Enumerator>& names) {
  json::array values;
  for (auto& each : names) values.push_back(json::value(each.name));
  return {{"type", "string"}, {"enum", std::move(values)}};
}

std::string enumerator_name(std::string_view described, bool upper) {
  if (described.ends_with('_')) described.remove_suffix(1);
  std::string name(described);
  if (upper)
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return name;
}

std::string schema_name(std::string_view type) {
  if (type.find('<') != std::string_view::npos) return {};  // a template has many shapes
  std::string name;
  constexpr std::string_view ours = "muster::";
  if (type.starts_with(ours)) type.remove_prefix(ours.size());
  while (!type.empty()) {
    auto end = type.find("::");
    auto part = type.substr(0, end);
    if (part != "{anonymous}" && part != "(anonymous namespace)")
      name.append(name.empty() ? "" : ".").append(part);
    type.remove_prefix(end == std::string_view::npos ? type.size() : end + 2);
  }
  return name;
}

}  // namespace muster::ops
