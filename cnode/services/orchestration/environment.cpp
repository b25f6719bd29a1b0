#include "services/orchestration/environment.h"

#include <string_view>

namespace muster::orchestration {
namespace {

void add_line(std::string& file, std::string_view name, std::string_view value) {
  file += name;
  file += "=\"";
  for (char c : value) {
    if (c == '"' || c == '\\' || c == '$' || c == '`') file += '\\';
    file += c;
  }
  file += "\"\n";
}

/// Secrets are blanked wherever they appear in a command's output; a short value would blank every
/// "1" of it, and is no secret.
bool is_secret(const Secret& value) {
  return value.reveal().size() >= 8;
}

}  // namespace

Environment environment(const Deployment& node, const Family& family) {
  Environment all;
  for (auto& [name, value] : family.env) {
    if (is_secret(value))
      all.secret[name] = value;
    else
      all.plain[name] = value.reveal();
  }
  for (auto& [name, value] : family.variables)
    if (is_secret(value)) all.hidden.push_back(value);
  for (const char* name : {"MUSTER_NODE_NAME", "RELEASE_NODE", "NODE_NAME"}) {
    all.secret.erase(name);
    all.plain[name] = node.name;
  }
  all.secret.erase("RELEASE_DISTRIBUTION");
  all.plain["RELEASE_DISTRIBUTION"] = "name";
  for (const char* name : {"MUSTER_COOKIE", "RELEASE_COOKIE", "COOKIE"}) {
    all.plain.erase(name);
    all.secret[name] = node.cookie;
  }
  return all;
}

std::string environment_file(const Environment& environment) {
  std::string file;
  for (auto& [name, value] : environment.plain) add_line(file, name, value);
  for (auto& [name, value] : environment.secret) add_line(file, name, value.reveal());
  return file;
}

}  // namespace muster::orchestration
