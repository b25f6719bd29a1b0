#include "openapi.h"

#include <algorithm>
#include <sstream>
#include <stdexcept>

namespace muster::test {
namespace {

namespace json = boost::json;

std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> segments;
  std::istringstream in(path);
  for (std::string segment; std::getline(in, segment, '/');)
    if (!segment.empty()) segments.push_back(segment);
  return segments;
}

bool is_type(const std::string& type, const json::value& value) {
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_int64() || value.is_uint64();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_bool();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  throw std::runtime_error("a type this checker does not know: " + type);
}

}  // namespace

const json::object& OpenApi::resolve(const json::object& schema) const {
  auto* reference = schema.if_contains("$ref");
  if (!reference) return schema;
  auto pointer = std::string(reference->as_string()).substr(1);
  return document_.at_pointer(pointer).as_object();
}

const json::object* OpenApi::operation(const std::string& method, const std::string& path) const {
  const auto given = split(path);
  const json::object* found = nullptr;
  std::size_t best = 0;
  for (const auto& entry : document_.at("paths").as_object()) {
    const auto pattern = split(std::string(entry.key()));
    if (pattern.size() != given.size()) continue;
    std::size_t literals = 1;
    bool is_match = true;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (pattern[i] == given[i])
        ++literals;
      else if (pattern[i][0] != '{')
        is_match = false;
    }
    std::string verb = method;
    std::transform(verb.begin(), verb.end(), verb.begin(), ::tolower);
    const auto* candidate = entry.value().as_object().if_contains(verb);
    if (!is_match || !candidate || literals < best) continue;
    found = &candidate->as_object();
    best = literals;
  }
  return found;
}

std::string OpenApi::check(const std::string& method, const std::string& path, int status,
                           const json::value& reply) const {
  constexpr int first_error = 400;
  constexpr int no_content = 204;
  if (status >= first_error) {
    const json::object problem{{"$ref", "#/components/schemas/Problem"}};
    return check(problem, reply, "problem");
  }
  const auto* described = operation(method, path);
  if (!described) return method + " " + path + " is not described";
  const auto* response = described->at("responses").as_object().if_contains(std::to_string(status));
  if (!response) return "status " + std::to_string(status) + " is not described";
  if (status == no_content) return "";
  const auto& content = response->at("content").at("application/json").at("schema");
  return check(content.as_object(), reply);
}

std::string OpenApi::check(const json::object& given, const json::value& value,
                           const std::string& at) const {
  const auto& schema = resolve(given);
  const auto wrong = [&](const std::string& what) {
    return at + ": " + what + ": " + json::serialize(value).substr(0, 200);
  };
  if (const auto* any = schema.if_contains("anyOf")) {
    for (const auto& each : any->as_array())
      if (check(each.as_object(), value, at).empty()) return "";
    return wrong("none of anyOf");
  }
  if (const auto* values = schema.if_contains("enum")) {
    const auto& list = values->as_array();
    if (std::find(list.begin(), list.end(), value) == list.end()) return wrong("not in enum");
  }
  if (const auto* type = schema.if_contains("type");
      type && !is_type(std::string(type->as_string()), value))
    return wrong("wanted " + std::string(type->as_string()));
  if (value.is_number()) {
    const auto number = value.to_number<double>();
    if (const auto* min = schema.if_contains("minimum"); min && number < min->to_number<double>())
      return wrong("below the minimum");
    if (const auto* max = schema.if_contains("maximum"); max && number > max->to_number<double>())
      return wrong("above the maximum");
  }
  if (const auto* items = schema.if_contains("items"))
    for (std::size_t i = 0; i < value.as_array().size(); ++i) {
      auto why = check(items->as_object(), value.at(i), at + "/" + std::to_string(i));
      if (!why.empty()) return why;
    }
  if (!value.is_object()) return "";
  const auto& object = value.as_object();
  if (const auto* required = schema.if_contains("required"))
    for (const auto& name : required->as_array())
      if (!object.contains(name.as_string()))
        return wrong("without " + std::string(name.as_string()));
  const auto* properties = schema.if_contains("properties");
  const auto* others = schema.if_contains("additionalProperties");
  for (const auto& member : object) {
    const auto path = at + "/" + std::string(member.key());
    const auto* known = properties ? properties->as_object().if_contains(member.key()) : nullptr;
    if (!known && others && others->is_bool() && !others->get_bool())
      return path + " is not described";
    if (!known && (!others || !others->is_object())) continue;
    auto why = check(known ? known->as_object() : others->as_object(), member.value(), path);
    if (!why.empty()) return why;
  }
  return "";
}

std::string OpenApi::check_event(const json::object& event) const {
  const auto& events = document_.at("x-muster-events").as_object();
  const auto* described = events.if_contains(event.at("topic").as_string());
  if (!described) return "the topic is not described: " + json::serialize(event);
  return check(described->at("schema").as_object(), event.at("data"), "data");
}

}  // namespace muster::test
