#include "cli/render.h"

#include <algorithm>
#include <map>

#include "base/clean_text.h"
#include "ops/convert.h"
#include "ops/openapi.h"

namespace muster::cli {
namespace {

// What a daemon answers must not grow much when it is shown.
constexpr std::size_t most_columns = 100, most_cells = 1'000'000, most_padded = 64u << 20;

std::string cell(const json::value& value) {
  if (value.is_null()) return "";
  if (auto* text = value.if_string()) return std::string(*text);
  return json::serialize(value);
}

/// Characters, not bytes, so that columns stay straight.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

/// The names of all members, as they come; one more than most_columns where there are more.
std::vector<std::string> names_in(const json::array& items) {
  std::vector<std::string> names;
  for (auto& item : items) {
    for (auto& pair : item.get_object()) {
      if (names.size() > most_columns) return names;
      if (std::find(names.begin(), names.end(), pair.key()) == names.end())
        names.emplace_back(pair.key());
    }
  }
  return names;
}

/// JSON instead, where the table would be too large.
std::string table(const json::array& items) {
  auto names = names_in(items);
  if (names.size() > most_columns || items.size() * names.size() > most_cells)
    return json::serialize(items) + '\n';
  std::vector<std::vector<std::string>> rows{names};
  for (auto& item : items) {
    auto& row = rows.emplace_back();
    for (auto& name : names) {
      auto* value = item.get_object().if_contains(name);
      row.push_back(value ? cell(*value) : "");
    }
  }
  return columns(rows);
}

void pretty_into(const json::value& value, std::size_t indent, std::string& out) {
  auto line = [&](std::size_t depth) { out.append("\n").append(2 * depth, ' '); };
  if (auto* object = value.if_object(); object && !object->empty()) {
    std::map<std::string_view, const json::value*> sorted;
    for (auto& pair : *object) sorted.emplace(pair.key(), &pair.value());
    out += '{';
    for (char separator = 0; auto& [key, member] : sorted) {
      if (separator) out += separator;
      separator = ',';
      line(indent + 1);
      out += json::serialize(json::value(key)) + ": ";
      pretty_into(*member, indent + 1, out);
    }
    line(indent);
    out += '}';
  } else if (auto* array = value.if_array(); array && !array->empty()) {
    out += '[';
    for (char separator = 0; auto& element : *array) {
      if (separator) out += separator;
      separator = ',';
      line(indent + 1);
      pretty_into(element, indent + 1, out);
    }
    line(indent);
    out += ']';
  } else {
    out += json::serialize(value);
  }
}

bool is_table(const json::value& value) {
  auto* array = value.if_array();
  return array && !array->empty() &&
         std::all_of(array->begin(), array->end(), [](auto& v) { return v.is_object(); });
}

}  // namespace

std::string pretty(const json::value& value) {
  std::string out;
  pretty_into(value, 0, out);
  return out;
}

std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::size_t length = 0;
  for (auto each : widths) length += each + 2;
  if (length * rows.size() > most_padded) widths.assign(widths.size(), 0);  // not straight, then
  std::string out;
  for (auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += clean_text(row[i], any_length);
      auto own = width(row[i]);
      if (i + 1 < row.size()) line.append(std::max(widths[i], own) - own + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

std::string render(const json::value& value) {
  if (is_table(value)) return table(value.get_array());
  auto* object = value.if_object();
  if (!object) {
    auto text = value.is_null() ? "" : cell(value);
    return text.empty() || text.ends_with('\n') ? text : text + '\n';
  }
  if (auto* items = object->if_contains("items"); items && items->is_array()) {
    auto out = items->get_array().empty() ? "none\n" : render(*items);
    if (auto* next = object->if_contains("next")) out += "more: after=" + cell(*next) + '\n';
    return out;
  }
  std::vector<std::vector<std::string>> rows;
  std::string tables;
  for (auto& pair : *object) {
    if (is_table(pair.value()))
      tables += '\n' + std::string(pair.key()) + ":\n" + table(pair.value().get_array());
    else
      rows.push_back({std::string(pair.key()) + ':', cell(pair.value())});
  }
  return columns(rows) + tables;
}

std::string render_events(const json::object& openapi) {
  std::string out =
      "# Events\n\n"
      "Made by `muster openapi --events`; do not edit. The WebSocket `/api/events` sends each "
      "event "
      "as a text frame\n`{\"topic\", \"seq\", \"at\", \"data\"}`; `muster.subscribe` as the "
      "message "
      "`{muster_event, Topic, #{seq, at, data}}`; `GET /api/events`\n(`muster.events`) as a list. "
      "`seq` counts up from 1 in the daemon's life; `since=seq` goes on after it. Events that are "
      "missing\n(a slow listener, a `since` that is too old) are announced in their place by the "
      "topic `gap` with `lost`, their number; 0 where\nnobody knows it. A listener names topics "
      "(`topology.node_state`), or their first part (`topology`), or none for all.\n";
  auto& events = openapi.at("x-muster-events").as_object();
  auto& schemas = openapi.at("components").at("schemas").as_object();
  std::map<std::string_view, const json::object*> sorted;
  for (auto& pair : events) sorted.emplace(pair.key(), &pair.value().as_object());
  for (auto& [topic, event] : sorted) {
    out += fmt::format("\n## {}\n\n{}.\n\n| data | |\n|---|---|\n", topic,
                       event->at("description").as_string().c_str());
    auto* schema = &event->at("schema").as_object();
    if (auto* reference = schema->if_contains("$ref")) {
      std::string name(reference->as_string());
      schema = &schemas.at(name.substr(name.rfind('/') + 1)).as_object();
    }
    auto* required = schema->if_contains("required");
    for (auto& member : schema->at("properties").as_object()) {
      json::value name(member.key());
      static const json::array none;
      auto& list = required ? required->as_array() : none;
      bool is_optional = std::find(list.begin(), list.end(), name) == list.end();
      out += fmt::format("| `{}` | {}{} |\n", std::string_view(member.key()),
                         ops::in_words(member.value().as_object()), is_optional ? ", if any" : "");
    }
  }
  return out;
}

std::string render_operations_page(const std::vector<ops::Help>& help) {
  std::string out =
      "# Operations\n\n"
      "Made by `muster openapi --operations`; do not edit. From Erlang `SERVICE.OPERATION` is\n"
      "`rpc:call(M, SERVICE, OPERATION, [Arguments])` or `gen_server:call({SERVICE, M}, "
      "{OPERATION, Arguments})`.\n`muster ops SERVICE.OPERATION` shows its arguments, "
      "[openapi.json](openapi.json) also its replies. A role is the least that may call it.\n\n"
      "| operation | role | REST | what it does |\n|---|---|---|---|\n";
  for (auto& each : help)
    out += fmt::format("| `{}` | {} | {} | {} |\n", each.operation,
                       ops::to_json(each.role).as_string().c_str(),
                       each.path.empty() ? "" : '`' + each.verb + ' ' + each.path + '`', each.doc);
  return out;
}

std::string render_operations(const std::vector<ops::Help>& help) {
  std::vector<std::vector<std::string>> rows{{"OPERATION", "ROLE", "REST", "WHAT IT DOES"}};
  for (auto& each : help)
    rows.push_back({each.operation, ops::to_json(each.role).as_string().c_str(),
                    each.path.empty() ? "-" : each.verb + ' ' + each.path, each.doc});
  return columns(rows);
}

std::string render_operation(const ops::Help& help) {
  auto out = fmt::format("{}: {}\n", help.operation, help.doc);
  if (!help.path.empty()) out += fmt::format("{} {}\n", help.verb, help.path);
  std::vector<std::vector<std::string>> rows;
  for (auto& argument : help.arguments)
    rows.push_back(
        {"  " + argument.name, argument.type, argument.required ? "required" : "", argument.doc});
  if (help.upload) rows.push_back({"  @file", "bytes", "required", "what is uploaded"});
  return out + columns(rows);
}

}  // namespace muster::cli
