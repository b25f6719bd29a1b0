#include "drivers/physical/servers.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/clean_text.h"
#include "drivers/options.h"

namespace muster::drivers {
namespace {

namespace json = boost::json;

Error wrong(std::string message, std::string pointer) {
  return Error(Errc::bad_request, std::move(message), std::move(pointer));
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size() || port == 0)
    return Error(Errc::bad_request, fmt::format("'{}' is no port", clean_text(text, 200)));
  return port;
}

Result<std::string> text_of(const json::value& value, const std::string& pointer) {
  if (!value.is_string() || value.get_string().empty()) return wrong("text is wanted", pointer);
  return std::string(std::string_view(value.get_string()));
}

Result<std::uint16_t> port_of(const json::value& value) {
  if (value.is_string()) return parse_port(value.get_string());
  if (value.is_number()) return parse_port(json::serialize(value));
  return Error(Errc::bad_request, "a port is a number");
}

Result<std::map<std::string, std::string>> attributes_of(const json::value& value,
                                                         const std::string& pointer) {
  if (!value.is_object()) return wrong("an object of texts is wanted", pointer);
  std::map<std::string, std::string> attributes;
  for (const auto& [name, attribute] : value.get_object()) {
    if (attribute.is_object() || attribute.is_array() || attribute.is_null())
      return wrong("an attribute is a text, a number or a boolean",
                   pointer + "/" + std::string(name));
    attributes[std::string(name)] = attribute.is_string()
                                        ? std::string(std::string_view(attribute.get_string()))
                                        : json::serialize(attribute);
  }
  return attributes;
}

Result<Server> from_object(const json::object& object, const std::string& pointer) {
  Server server;
  for (const auto& [key, value] : object) {
    const std::string here = pointer + "/" + std::string(key);
    if (key == "host") {
      TRY(auto host, text_of(value, here));
      auto target = parse_server(host);
      if (!target) return wrong(target.error().message, here);
      server.target.host = target->host;
      if (target->port != 22) server.target.port = target->port;
    } else if (key == "node_host") {
      TRY(server.machine.node_host, text_of(value, here));
    } else if (key == "user") {
      TRY(server.target.user, text_of(value, here));
    } else if (key == "key") {
      TRY(server.target.key, text_of(value, here));
      if (!server.target.key.starts_with('/')) return wrong("an absolute path is wanted", here);
    } else if (key == "port") {
      auto port = port_of(value);
      if (!port) return wrong(port.error().message, here);
      server.target.port = *port;
    } else if (key == "attributes") {
      TRY(server.machine.attributes, attributes_of(value, here));
    } else {
      return wrong("a server has host, node_host, user, port, key and attributes", here);
    }
  }
  if (server.target.host.empty()) return wrong("a server needs its host", pointer + "/host");
  return server;
}

std::vector<std::string> words(std::string_view text) {
  std::vector<std::string> found;
  while (true) {
    text.remove_prefix(std::min(text.size(), text.find_first_not_of(", \t\n")));
    if (text.empty()) return found;
    const auto word = text.substr(0, text.find_first_of(", \t\n"));
    found.emplace_back(word);
    text.remove_prefix(word.size());
  }
}

}  // namespace

Result<SshTarget> parse_server(std::string_view text) {
  SshTarget target;
  std::string_view port;
  if (text.starts_with('[')) {
    const auto end = text.find(']');
    if (end == text.npos) return Error(Errc::bad_request, "'[' without ']' in a server's address");
    target.host = text.substr(1, end - 1);
    port = text.substr(end + 1);
  } else if (std::count(text.begin(), text.end(), ':') == 1) {
    target.host = text.substr(0, text.find(':'));
    port = text.substr(text.find(':'));
  } else {
    target.host = text;  // a name, or an IPv6 address without a port
  }
  if (!is_host_name(target.host))
    return Error(Errc::bad_request, fmt::format("'{}' is no host", clean_text(target.host, 200)));
  if (!port.empty()) {
    if (port.front() != ':')
      return Error(Errc::bad_request,
                   fmt::format("'{}' after a server's address", clean_text(port, 200)));
    TRY(target.port, parse_port(port.substr(1)));
  }
  return target;
}

Result<std::vector<Server>> parse_servers(const json::value& servers) {
  json::array list;
  if (servers.is_string()) {
    for (auto& word : words(servers.get_string())) list.emplace_back(word);
  } else if (servers.is_array()) {
    list = servers.get_array();
  } else {
    return wrong("servers are a list", "/servers");
  }
  if (list.empty()) return wrong("at least one server is wanted", "/servers");
  if (list.size() > 10'000) return wrong("10,000 servers at most", "/servers");

  std::vector<Server> all;
  std::map<std::string, bool> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const auto pointer = fmt::format("/servers/{}", i);
    Server server;
    if (list[i].is_object()) {
      TRY(server, from_object(list[i].get_object(), pointer));
    } else {
      TRY(auto text, text_of(list[i], pointer));
      auto target = parse_server(text);
      if (!target) return wrong(target.error().message, pointer);
      server.target = std::move(*target);
    }
    auto& machine = server.machine;
    const auto& host = server.target.host;
    if (machine.node_host.empty()) machine.node_host = host;
    if (!is_host_name(machine.node_host)) return wrong("not a host name", pointer + "/node_host");
    const bool is_ipv6 = host.find(':') != host.npos;
    machine.id = (is_ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(server.target.port);
    if (!seen.emplace(machine.id, true).second)
      return wrong(fmt::format("{} stands there twice", machine.id), pointer);
    all.push_back(std::move(server));
  }
  return all;
}

}  // namespace muster::drivers
