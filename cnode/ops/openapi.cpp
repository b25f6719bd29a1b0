#include "ops/openapi.h"

namespace muster::ops {
namespace {

/// "/a/:id/b" as OpenAPI writes it, "/a/{id}/b", with the parameters' names.
std::string template_path(std::string_view path, std::vector<std::string>& parameters) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (path[i] != ':') {
      out += path[i];
      continue;
    }
    auto end = std::min(path.find('/', i), path.size());
    parameters.emplace_back(path.substr(i + 1, end - i - 1));
    out += '{' + parameters.back() + '}';
    i = end - 1;
  }
  return out;
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

json::object parameter(const std::string& name, std::string_view place, json::object schema) {
  json::object out{{"name", name}, {"in", place}};
  if (schema.contains("description")) out["description"] = schema["description"];
  if (place == "path") out["required"] = true;
  out["schema"] = std::move(schema);
  return out;
}

/// The request's members that are not in the path: in the query of GET and DELETE, else in the
/// body.
void describe_request(const Operation& operation, const std::vector<std::string>& in_path,
                      Components& components, json::object& out) {
  auto& row = operation.row();
  json::array parameters;
  auto is_in_path = [&](std::string_view name) {
    return std::find(in_path.begin(), in_path.end(), name) != in_path.end();
  };
  bool has_query = row.http.verb == "GET" || row.http.verb == "DELETE" || operation.is_upload();
  json::object properties;
  json::array required;
  if (operation.request().structure) {
    auto& structure = *operation.request().structure();
    for (auto& name : in_path)
      parameters.push_back(
          parameter(name, "path", structure.find(name)->type().schema(components)));
    for (auto& member : structure.members) {
      if (is_in_path(member.name)) continue;
      auto& type = member.type();
      auto schema = type.schema(components);
      for (auto& doc : structure.docs)
        if (doc.member == member.name) schema["description"] = doc.text;
      if (has_query) {
        auto& added = parameters.emplace_back(
            parameter(std::string(member.name), "query", std::move(schema)));
        if (!type.may_be_absent) added.as_object()["required"] = true;
      } else {
        properties[member.name] = std::move(schema);
        if (!type.may_be_absent) required.push_back(json::value(member.name));
      }
    }
  }
  if (!parameters.empty()) out["parameters"] = std::move(parameters);
  json::object schema;
  if (operation.is_upload()) {
    out["requestBody"] = json::object{{"required", true},
                                      {"content", {{"application/octet-stream", json::object()}}}};
    return;
  }
  if (has_query || (operation.request().structure && properties.empty())) return;
  if (operation.request().structure) {
    auto& structure = *operation.request().structure();
    schema = {{"type", "object"}, {"properties", properties}};
    if (!required.empty()) schema["required"] = required;
    if (auto* member = structure.find(row.http.body_member)) {
      json::array either{std::move(schema), json::value(properties[member->name])};
      schema = {{"anyOf", std::move(either)}};
    }
  } else {
    schema = operation.request().schema(components);
  }
  out["requestBody"] =
      json::object{{"content", {{"application/json", {{"schema", std::move(schema)}}}}}};
  if (!required.empty()) out["requestBody"].as_object()["required"] = true;
}

/// `alias` counts the further paths of an operation; ids are unique in a document.
json::object describe(const Operation& operation, const std::vector<std::string>& in_path,
                      std::size_t alias, Components& components) {
  auto& row = operation.row();
  json::object out{
      {"tags", {row.service}},
      {"operationId", alias == 0 ? operation.full_name()
                                 : fmt::format("{}_alias{}", operation.full_name(), alias)},
      {"summary", row.doc},
      {"x-muster-role", to_json(row.role)}};
  if (row.is_change()) out["x-muster-audited"] = true;
  if (row.subject.is_given()) {
    auto& of = row.subject;
    json::array members;
    for (auto& name : {of.family, of.node, of.deployed_node})
      if (!name.empty()) members.push_back(json::value(name));
    out["x-muster-bound"] = std::move(members);
  }
  if (alias > 0) out["deprecated"] = true;
  if (row.is_anonymous) out["security"] = json::array();
  describe_request(operation, in_path, components, out);
  json::object success{{"description", "success"}};
  constexpr int no_content = 204;
  if (row.http.status != no_content)
    success["content"] =
        json::object{{"application/json", {{"schema", operation.reply().schema(components)}}}};
  json::object failure{{"$ref", "#/components/responses/Problem"}};
  out["responses"] = json::object{{std::to_string(row.http.status), std::move(success)},
                                  {"default", std::move(failure)}};
  return out;
}

json::object problem_schema() {
  json::array codes;
  for (auto code : {Errc::bad_request, Errc::unauthorized, Errc::forbidden, Errc::not_found,
                    Errc::conflict, Errc::quota, Errc::too_large, Errc::timeout, Errc::unavailable,
                    Errc::unsupported, Errc::internal})
    codes.push_back(json::value(name_of(code)));
  json::object text{{"type", "string"}};
  json::object field = text;
  field["description"] = "JSON pointer to the member that is wrong";
  return {{"type", "object"},
          {"required", {"type", "title", "status", "detail", "code"}},
          {"properties",
           {{"type", text},
            {"title", text},
            {"status", {{"type", "integer"}}},
            {"detail", text},
            {"code", {{"type", "string"}, {"enum", std::move(codes)}}},
            {"field", field}}},
          {"additionalProperties", false}};
}

}  // namespace

json::object openapi(const Table& table, const std::vector<Topic>& topics) {
  Components components;
  components.schemas["Problem"] = problem_schema();
  json::object paths;
  for (auto& service : table.services()) {
    for (auto* operation : table.of(service)) {
      auto& http = operation->row().http;
      if (http.path.empty()) continue;
      std::vector<std::string> all = http.alias_paths;
      if (!http.path.empty()) all.insert(all.begin(), http.path);
      for (std::size_t i = 0; i < all.size(); ++i) {
        std::vector<std::string> parameters;
        auto path = template_path(all[i], parameters);
        if (!paths.contains(path)) paths[path] = json::object();
        auto& entry = paths[path].as_object();
        entry[lower(http.verb)] = describe(*operation, parameters, i, components);
      }
    }
  }
  json::object events;
  for (auto& topic : topics)
    events[topic.name] =
        json::object{{"description", topic.doc}, {"schema", topic.data->schema(components)}};
  json::object problem_content{
      {"application/problem+json", {{"schema", {{"$ref", "#/components/schemas/Problem"}}}}}};
  json::object responses{
      {"Problem", {{"description", "RFC 9457"}, {"content", std::move(problem_content)}}}};
  json::array security;
  security.push_back(json::object{{"token", json::array()}});
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Muster"}, {"version", MUSTER_VERSION}}},
          {"security", std::move(security)},
          {"paths", std::move(paths)},
          {"components",
           {{"schemas", std::move(components.schemas)},
            {"responses", std::move(responses)},
            {"securitySchemes", {{"token", {{"type", "http"}, {"scheme", "bearer"}}}}}}},
          {"x-muster-events", std::move(events)}};
}

std::string in_words(const json::object& schema) {
  if (auto* values = schema.if_contains("enum")) {
    std::string words = "one of ";
    for (auto& value : values->as_array())
      words.append(words.size() > 7 ? ", " : "").append(value.as_string().c_str());
    return words;
  }
  if (auto* reference = schema.if_contains("$ref")) {
    std::string name(reference->as_string());
    return name.substr(name.rfind('/') + 1);
  }
  if (auto* any = schema.if_contains("anyOf")) {
    std::string words;
    for (auto& each : any->as_array())
      words.append(words.empty() ? "" : " or ").append(in_words(each.as_object()));
    return words;
  }
  auto* type = schema.if_contains("type");
  if (!type) return "anything";
  if (type->as_string() == "string") {
    if (schema.contains("format")) return "time";
    return schema.contains("contentEncoding") ? "bytes" : "text";
  }
  if (type->as_string() == "array") return "list of " + in_words(schema.at("items").as_object());
  if (auto* values = schema.if_contains("additionalProperties"); values && values->is_object())
    return "map of text to " + in_words(values->as_object());
  return std::string(type->as_string());
}

}  // namespace muster::ops
