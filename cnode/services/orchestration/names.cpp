#include "services/orchestration/names.h"

#include <algorithm>
#include <array>

#include "base/clean_text.h"
#include "base/random.h"

namespace muster::orchestration {
namespace {

Error wrong(std::string message, const std::string& field) {
  return Error(Errc::bad_request, std::move(message), field);
}

bool is_identifier(std::string_view name) {
  auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  return !name.empty() && name.size() <= 255 && is_letter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); });
}

constexpr std::array own_env{"NODE_NAME", "COOKIE", "RELEASE_NODE", "RELEASE_COOKIE",
                             "RELEASE_DISTRIBUTION"};
constexpr std::array own_variables{"node_name", "node_id",       "node_host",
                                   "cookie",    "dist_port_min", "dist_port_max"};

}  // namespace

Result<> check_name(std::string_view name, const std::string& field) {
  if (name.empty() || name.size() > 255) return wrong("a name has 1 to 255 bytes", field);
  if (!is_printable(name)) return wrong("a name has printable characters only", field);
  if (is_uuid(name)) return wrong("a name must not look like an id", field);
  return {};
}

Result<> check_release_path(std::string_view path, const std::string& field) {
  if (path.empty() || path.size() > 1024 || path[0] == '/' || path.ends_with('/'))
    return wrong("a path of a file inside the release is wanted, such as etc/vm.args", field);
  if (!is_printable(path)) return wrong("a path has printable characters only", field);
  while (!path.empty()) {
    auto part = path.substr(0, path.find('/'));
    if (part == "..") return wrong("a path inside the release has no '..'", field);
    path.remove_prefix(std::min(path.size(), part.size() + 1));
  }
  return {};
}

Result<> check_env_name(std::string_view name, const std::string& field) {
  if (!is_identifier(name)) return wrong("not the name of a variable", field);
  if (name.starts_with("MUSTER_") ||
      std::find(own_env.begin(), own_env.end(), name) != own_env.end())
    return wrong("this variable is set for every node by Muster itself", field);
  return {};
}

Result<> check_variable_name(std::string_view name, const std::string& field) {
  if (!is_identifier(name)) return wrong("not the name of a variable", field);
  if (std::find(own_variables.begin(), own_variables.end(), name) != own_variables.end())
    return wrong("this variable is filled by Muster itself", field);
  return {};
}

Result<> check_command(std::string_view command, const std::string& field) {
  if (command.size() > 4096) return wrong("a command has at most 4,096 bytes", field);
  return {};
}

}  // namespace muster::orchestration
