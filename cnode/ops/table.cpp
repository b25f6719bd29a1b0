#include "ops/table.h"

#include <boost/url/pct_string_view.hpp>
#include <stdexcept>

#include "ops/openapi.h"

namespace muster::ops {
namespace {

std::vector<std::string_view> split(std::string_view path) {
  std::vector<std::string_view> segments;
  while (!path.empty()) {
    path.remove_prefix(path[0] == '/');
    auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with(':');
}

/// Percent-decoded, or nothing where it is not well-formed.
std::optional<std::string> decoded(std::string_view segment) {
  auto view = boost::urls::make_pct_string_view(segment);
  if (!view) return std::nullopt;
  auto text = view->decode();
  return std::string(text.data(), text.size());
}

}  // namespace

void Table::add(Operation operation) {
  auto& row = operation.row();
  auto bug = [name = operation.full_name()](std::string_view what) {
    throw std::logic_error(name + ": " + std::string(what));
  };
  if (find(row.service, row.name)) bug("declared twice");
  auto* structure = operation.request().structure ? operation.request().structure() : nullptr;
  if (!row.http.body_member.empty() && (!structure || !structure->find(row.http.body_member)))
    bug("its body member is no member of the request");
  for (auto& name : {row.subject.family, row.subject.node, row.subject.deployed_node})
    if (!name.empty() &&
        (!structure || !structure->find(name) || structure->find(name)->name != name))
      bug("its subject is no member of the request");
  auto& kept = operations_.emplace_back(std::move(operation));
  kept.set_guards(guards_);
  by_name_[kept.row().service][kept.row().name] = &kept;
  std::vector<std::string> paths = kept.row().http.alias_paths;
  if (!kept.row().http.path.empty()) paths.insert(paths.begin(), kept.row().http.path);
  for (auto& path : paths) {
    Pattern pattern{{}, &kept};
    for (auto segment : split(path)) {
      if (is_parameter(segment) && (!structure || !structure->find(segment.substr(1))))
        bug("a path parameter is no member of the request");
      pattern.segments.emplace_back(segment);
    }
    auto is_same = [&](const Pattern& other) {
      return other.operation->row().http.verb == kept.row().http.verb &&
             std::equal(other.segments.begin(), other.segments.end(), pattern.segments.begin(),
                        pattern.segments.end(), [](auto& a, auto& b) {
                          return (is_parameter(a) && is_parameter(b)) || a == b;
                        });
    };
    if (std::any_of(patterns_.begin(), patterns_.end(), is_same)) bug("its path is taken: " + path);
    patterns_.push_back(std::move(pattern));
  }
}

void Table::add(std::vector<Operation> operations) {
  for (auto& operation : operations) add(std::move(operation));
}

const Operation* Table::find(std::string_view service, std::string_view name) const {
  auto by_service = by_name_.find(service);
  if (by_service == by_name_.end()) return nullptr;
  auto at = by_service->second.find(name);
  return at == by_service->second.end() ? nullptr : at->second;
}

std::vector<std::string> Table::services() const {
  std::vector<std::string> names;
  for (auto& [service, operations] : by_name_) names.push_back(service);
  return names;
}

std::vector<const Operation*> Table::of(std::string_view service) const {
  std::vector<const Operation*> found;
  if (auto at = by_name_.find(service); at != by_name_.end())
    for (auto& [name, operation] : at->second) found.push_back(operation);
  return found;
}

Table::Route Table::route(std::string_view verb, std::string_view path) const {
  if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  auto segments = split(path);
  WrongVerb wrong;
  const Pattern* best = nullptr;
  std::size_t best_literals = 0;
  for (auto& pattern : patterns_) {
    if (pattern.segments.size() != segments.size()) continue;
    std::size_t literals = 0;
    bool is_match = true;
    for (std::size_t i = 0; is_match && i < segments.size(); ++i) {
      if (is_parameter(pattern.segments[i]))
        is_match = !segments[i].empty();
      else if (pattern.segments[i] == segments[i])
        ++literals;
      else
        is_match = false;
    }
    if (!is_match) continue;
    if (pattern.operation->row().http.verb != verb) {
      wrong.allowed.push_back(pattern.operation->row().http.verb);
    } else if (!best || literals > best_literals) {
      best = &pattern;
      best_literals = literals;
    }
  }
  if (!best) {
    if (wrong.allowed.empty()) return NoPath{};
    std::sort(wrong.allowed.begin(), wrong.allowed.end());
    wrong.allowed.erase(std::unique(wrong.allowed.begin(), wrong.allowed.end()),
                        wrong.allowed.end());
    return wrong;
  }
  Match match{best->operation, {}};
  for (std::size_t i = 0; i < segments.size(); ++i) {
    if (!is_parameter(best->segments[i])) continue;
    auto value = decoded(segments[i]);
    if (!value) return NoPath{};
    match.parameters.emplace_back(best->segments[i].substr(1), *std::move(value));
  }
  return match;
}

Help help_of(const Operation& operation) {
  auto& row = operation.row();
  Help help{operation.full_name(), row.doc, row.http.verb, row.http.path, row.role,
            operation.is_upload(), {}};
  if (!operation.request().structure) return help;
  auto& structure = *operation.request().structure();
  Components components;
  for (auto& member : structure.members) {
    auto& type = member.type();
    HelpArgument argument{
        std::string(member.name), in_words(type.schema(components)), !type.may_be_absent, {}};
    for (auto& doc : structure.docs)
      if (doc.member == member.name) argument.doc = doc.text;
    help.arguments.push_back(std::move(argument));
  }
  return help;
}

std::vector<Help> help(const Table& table) {
  std::vector<Help> all;
  for (auto& service : table.services())
    for (auto* operation : table.of(service)) all.push_back(help_of(*operation));
  return all;
}

}  // namespace muster::ops
