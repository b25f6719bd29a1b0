#include "app/config.h"

#include <fmt/format.h>
#include <toml++/toml.h>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <map>

namespace muster::app {
namespace {

namespace fs = std::filesystem;

using Reader = std::function<Result<>(const toml::node&)>;
using Section = std::map<std::string, Reader, std::less<>>;

Error wants(std::string_view what) {
  return Error(Errc::bad_request, fmt::format("wants {}", what));
}

Reader text(std::string& target) {
  return [&target](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::string>();
    if (!value) return wants("a text");
    target = *value;
    return {};
  };
}

Reader path(fs::path& target) {
  return [&target](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::string>();
    if (!value) return wants("a path");
    target = *value;
    return {};
  };
}

template <class Number>
Reader number(Number& target, std::int64_t least, std::int64_t most) {
  return [&target, least, most](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::int64_t>();
    if (!value || *value < least || *value > most)
      return wants(fmt::format("a number from {} to {}", least, most));
    target = Number(*value);
    return {};
  };
}

Reader one_of(std::string& target, std::vector<std::string> choices) {
  return [&target, choices = std::move(choices)](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::string>();
    if (!value || std::find(choices.begin(), choices.end(), *value) == choices.end())
      return wants(fmt::format("one of {}", fmt::join(choices, ", ")));
    target = *value;
    return {};
  };
}

Reader role(Role& target) {
  return [&target](const toml::node& node) -> Result<> {
    std::string word;
    TRYV(one_of(word, {"none", "viewer", "operator", "admin"})(node));
    target = word == "admin"      ? Role::admin
             : word == "operator" ? Role::operator_
             : word == "viewer"   ? Role::viewer
                                  : Role::none;
    return {};
  };
}

Reader endpoint(Endpoint& target) {
  return [&target](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::string>();
    if (!value) return wants("HOST:PORT");
    TRY(target, parse_endpoint(*value));
    return {};
  };
}

Reader schedule(store::Schedule& target) {
  return [&target](const toml::node& node) -> Result<> {
    auto value = node.value_exact<std::string>();
    if (!value) return wants("STEP:TIME STEP:TIME …");
    TRY(target, store::parse_schedule(*value));
    return {};
  };
}

/// A number, or several in brackets.
Reader numbers(std::vector<double>& target) {
  return [&target](const toml::node& node) -> Result<> {
    std::vector<double> values;
    auto take = [&](const toml::node& one) {
      auto value = one.is_number() ? one.value<double>() : std::nullopt;
      if (value) values.push_back(*value);
      return value.has_value();
    };
    bool is_good = true;
    if (auto* list = node.as_array())
      for (auto& one : *list) is_good = take(one) && is_good;
    else
      is_good = take(node);
    if (!is_good || values.empty()) return wants("a number, or [NUMBER, NUMBER, …]");
    target = std::move(values);
    return {};
  };
}

Reader yes_or_no(bool& target) {
  return [&target](const toml::node& node) -> Result<> {
    auto value = node.value_exact<bool>();
    if (!value) return wants("true or false");
    target = *value;
    return {};
  };
}

template <class T>
Reader optional(std::optional<T>& target, Reader (*inner)(T&)) {
  return [&target, inner](const toml::node& node) -> Result<> {
    T value;
    TRYV(inner(value)(node));
    target = std::move(value);
    return {};
  };
}

Result<> read_section(const toml::table& table, const Section& section, const std::string& prefix) {
  for (auto& [key, node] : table) {
    auto name = prefix + std::string(key.str());
    auto reader = section.find(key.str());
    if (reader == section.end()) return Error(Errc::bad_request, "unknown key '" + name + "'");
    if (node.is_table()) {
      TRYV(reader->second(node));
    } else if (auto read = reader->second(node); !read) {
      return Error(Errc::bad_request, fmt::format("{} {}", name, read.error().message));
    }
  }
  return {};
}

/// `[name]` and what may stand in it.
Section::value_type table(std::string name, Section section) {
  auto reader = [prefix = name + ".",
                 section = std::move(section)](const toml::node& node) -> Result<> {
    if (!node.is_table()) return wants("to be a table");
    return read_section(*node.as_table(), section, prefix);
  };
  return {std::move(name), std::move(reader)};
}

Reader seconds(std::optional<std::uint32_t>& target) {
  return optional<std::uint32_t>(
      target, +[](std::uint32_t& value) { return number(value, 0, 86400); });
}

/// `[alarms.RULE]` for any built-in rule.
Reader tunings(alarms::Tunings& target) {
  return [&target](const toml::node& node) -> Result<> {
    if (!node.is_table()) return wants("to be a table");
    for (auto& [key, rule] : *node.as_table()) {
      std::string id(key.str());
      if (!rule.is_table())
        return Error(Errc::bad_request, fmt::format("unknown key 'alarms.{}'", id));
      auto& t = target[id];
      Section section{{"enabled", optional<bool>(t.enabled, yes_or_no)},
                      {"raise", numbers(t.raise)},
                      {"clear", numbers(t.clear)},
                      {"hold", seconds(t.hold)},
                      {"window", seconds(t.window)},
                      {"quiet", seconds(t.quiet)}};
      TRYV(read_section(*rule.as_table(), section, "alarms." + id + "."));
    }
    TRYV(alarms::tuned_rules(target));
    return {};
  };
}

Section sections(Config& c) {
  constexpr std::int64_t any_port = 65535, a_day = 86400;
  auto& d = c.distribution;
  auto& n = c.notifications;
  return {
      {"name", text(c.name)},
      {"cookie_file", optional<fs::path>(c.cookie_file, path)},
      {"data_dir", path(c.data_dir)},
      {"log_level", one_of(c.log_level, {"debug", "info", "warning", "error"})},
      {"expected_nodes", number(c.expected_nodes, 1, 1'000'000)},
      table("http", {{"listen", endpoint(c.http.listen)},
                     {"certificate", path(c.http.certificate)},
                     {"key", path(c.http.key)}}),
      table("distribution", {{"address", optional<std::string>(d.address, text)},
                             {"port_min", number(d.port_min, 0, any_port)},
                             {"port_max", number(d.port_max, 0, any_port)},
                             {"certificate", path(d.certificate)},
                             {"key", path(d.key)},
                             {"ca", path(d.ca)},
                             {"probe_after", number(d.probe_after, 1, a_day)},
                             {"down_after", number(d.down_after, 2, a_day)},
                             {"home_cookie", role(d.home_cookie)}}),
      table("agents", {{"interval", number(c.agents.interval, 1, a_day)}}),
      table("metrics", {{"keep", schedule(c.metrics.keep)},
                        {"keep_megabytes", number(c.metrics.keep_megabytes, 64, 100'000'000)}}),
      table("graphite", {{"address", optional<Endpoint>(c.graphite.address, endpoint)},
                         {"path", text(c.graphite.path)}}),
      table("notifications", {{"keep_megabytes", number(n.keep_megabytes, 64, 100'000'000)},
                              {"keep_days", number(n.keep_days, 1, 36'500)},
                              {"per_second", number(n.per_second, 1, 1000)}}),
      table("limits",
            {{"outsiders_megabytes", number(c.limits.outsiders_megabytes, 16, 1'000'000)}}),
      {"alarms", tunings(c.alarms)},
      table("ssh", {{"key", path(c.ssh.key)},
                    {"host_keys", one_of(c.ssh.host_keys, {"accept-new", "strict"})}}),
  };
}

}  // namespace

Result<Endpoint> parse_endpoint(const std::string& text) {
  auto wrong = Error(Errc::bad_request, fmt::format("'{}' is not HOST:PORT", text));
  auto colon = text.rfind(':');
  if (colon == std::string::npos) return wrong;
  Endpoint endpoint;
  endpoint.address = text.substr(0, colon);
  if (endpoint.address.size() > 2 && endpoint.address.front() == '[' &&
      endpoint.address.back() == ']')
    endpoint.address = endpoint.address.substr(1, endpoint.address.size() - 2);
  else if (endpoint.address.find(':') != std::string::npos)
    return wrong;
  if (endpoint.address.empty()) endpoint.address = "0.0.0.0";
  auto* first = text.data() + colon + 1;
  auto* last = text.data() + text.size();
  auto [end, ec] = std::from_chars(first, last, endpoint.port);
  if (ec != std::errc() || end != last) return wrong;
  return endpoint;
}

Result<> read_config(const fs::path& file, Config& config) {
  toml::table parsed;
  try {
    parsed = toml::parse_file(file.string());
  } catch (const toml::parse_error& e) {
    return Error(Errc::bad_request, fmt::format("{}:{}: {}", file.string(), e.source().begin.line,
                                                std::string(e.description())));
  }
  auto read = read_section(parsed, sections(config), "");
  if (!read) return std::move(read).error().context(file.string());
  auto& d = config.distribution;
  if (d.down_after <= d.probe_after)
    return Error(Errc::bad_request,
                 fmt::format("{}: distribution.down_after ({} s) must be longer than "
                             "distribution.probe_after ({} s)",
                             file.string(), d.down_after.count(), d.probe_after.count()));
  return {};
}

fs::path default_data_dir() {
  if (auto* state = std::getenv("XDG_STATE_HOME"); state && *state)
    return fs::path(state) / "muster";
  auto* home = std::getenv("HOME");
  return fs::path(home ? home : "/") / ".local/state/muster";
}

}  // namespace muster::app
