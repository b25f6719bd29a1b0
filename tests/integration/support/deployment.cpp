#include "deployment.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "ports.h"
#include "process.h"

namespace muster::test {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr auto script = R"sh(#!/bin/sh
cd "$(dirname "$0")/.." || exit 1
mkdir -p home
(umask 077; rm -f home/.erlang.cookie; printf %s "$MUSTER_COOKIE" >home/.erlang.cookie)
chmod 400 home/.erlang.cookie
HOME=$PWD/home
export HOME
case $1 in
daemon) exec erl -args_file etc/vm.args -noinput -detached ;;
foreground) exec erl -args_file etc/vm.args -noinput ;;
stop) kill "$(cat pid)" ;;
join) echo "$MUSTER_NODE_NAME joins $2" >>joined ;;
fail) echo 'the disk of this shop is on fire' >&2; exit 3 ;;
hang) exec sleep 1000 ;;
*) exit 2 ;;
esac
)sh";

constexpr auto guardian = R"sh(cat >/dev/null
i=0
while [ $((i += 1)) -le 50 ]; do
  found=$({ grep -lsF "$1" /proc/[0-9]*/environ
    ls -l /proc/[0-9]*/cwd /proc/[0-9]*/exe 2>/dev/null |
      sed -n "s|.* \(/proc/[0-9]*\)/[a-z]* -> $1.*|\1/|p"
  } | sed 's|^/proc/||; s|/.*||' | sort -u)
  [ -n "$found" ] || exit 0
  kill -KILL $found 2>/dev/null
  sleep 0.1
done
)sh";

std::string text(const json::object& object, std::string_view name) {
  auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : "";
}

}  // namespace

LocalHome::LocalHome() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  const auto home = dir_.path().string();
  guardian_ = ::fork();
  if (guardian_ == 0) {
    ::setsid();
    ::dup2(ends[0], STDIN_FILENO);
    ::execl("/bin/sh", "sh", "-c", guardian, "guardian", home.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(ends[0]);
  held_ = ends[1];
}

LocalHome::~LocalHome() {
  ::close(held_);
  ::waitpid(guardian_, nullptr, 0);
}

TinyRelease::TinyRelease(const std::string& mark, const std::string& extra) {
  for (auto* folder : {"tiny/bin", "tiny/etc"}) fs::create_directories(dir_ / folder);
  write_file(dir_ / "tiny/bin/tiny", script, 0755);
  write_file(dir_ / "tiny/etc/mark", mark);
  write_file(dir_ / "tiny/etc/vm.args",
             "-name {{ node_name }}\n"
             "-eval file:write_file(pid,os:getpid())\n"
             "+S 1:1\n+SDcpu 1:1\n+sbwt none\n" +
                 extra);
  run({"tar", "-czf", tarball(), "-C", dir_.path(), "tiny"});
}

void Deployer::define(const std::string& name, const json::object& provider,
                      const TinyRelease& release, json::object release_members,
                      json::object family_members) {
  if (!release_members.contains("start_cmd")) release_members["start_cmd"] = "bin/tiny daemon";
  release_members["stop_cmd"] = "bin/tiny stop";
  release_members["node_name_templates"] = json::array{"etc/vm.args"};
  define(name, provider, release.tarball(), std::move(release_members), std::move(family_members));
}

void Deployer::define(const std::string& name, const json::object& provider,
                      const fs::path& tarball, json::object release_members,
                      json::object family_members) {
  auto made = [&](const HttpReply& reply) {
    EXPECT_TRUE(reply.status == 200 || reply.status == 201) << reply.status << ' ' << reply.text;
  };
  json::object with_name = provider;
  with_name["name"] = name;
  made(daemon_.rest("POST", "/api/orch/providers", with_name));
  release_members["name"] = name;
  made(daemon_.rest("POST", "/api/orch/releases", release_members));
  made(daemon_.rest_raw("PUT", "/api/orch/releases/" + name + "/tarball", read_file(tarball),
                        "application/gzip"));
  family_members["name"] = name;
  family_members["release"] = name;
  family_members["env"] = {{"ERL_EPMD_PORT", epmd_.port_text()}};
  family_members["domains"] = {{{"provider", name}}};
  made(daemon_.rest("POST", "/api/orch/node_families", family_members));
}

json::array Deployer::deploy(const std::string& family, int amount, bool autostart) {
  auto reply = daemon_.rest("POST", "/api/orch/node_families/" + family + "/nodes",
                            json::object{{"amount", amount}, {"autostart", autostart}});
  if (reply.status == 0) return {};
  EXPECT_EQ(reply.status, 202) << reply.text;
  return reply.status == 202 ? reply.json.at("items").as_array() : json::array();
}

json::array Deployer::nodes(const std::string& family) const {
  auto reply = daemon_.rest("GET", "/api/orch/nodes?limit=1000&family=" + family);
  return reply.status == 200 ? reply.json.at("items").as_array() : json::array();
}

json::object Deployer::node(const std::string& id) const {
  auto reply = daemon_.rest("GET", "/api/orch/nodes/" + id);
  return reply.status == 200 ? reply.json.as_object() : json::object();
}

void Deployer::post(const std::string& path) const {
  auto reply = daemon_.rest("POST", "/api/orch/" + path, json::object());
  EXPECT_EQ(reply.status, 202) << path << ": " << reply.text;
}

bool Deployer::wait_for(const std::string& family, const std::string& state,
                        std::optional<int> amount, std::chrono::seconds limit) const {
  return eventually(
      [&] {
        auto all = nodes(family);
        if (amount && static_cast<int>(all.size()) != *amount) return false;
        return std::all_of(all.begin(), all.end(), [&](const json::value& node) {
          return text(node.as_object(), "state") == state;
        });
      },
      limit);
}

bool Deployer::wait_until_gone(const std::string& family, std::chrono::seconds limit) const {
  return eventually(
      [&] {
        auto reply = daemon_.rest("GET", "/api/orch/nodes?family=" + family);
        return reply.status == 200 && reply.json.at("items").as_array().empty();
      },
      limit);
}

std::string Deployer::describe(const std::string& family) const {
  return json::serialize(nodes(family));
}

std::vector<std::string> visible(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ec;
  for (auto& entry : fs::directory_iterator(folder, ec))
    if (auto name = entry.path().filename().string(); name[0] != '.') names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> archives(const fs::path& home) {
  std::vector<std::string> found;
  std::error_code ec;
  for (auto& entry : fs::recursive_directory_iterator(home / ".muster/releases", ec))
    if (entry.is_regular_file()) found.push_back(entry.path());
  return found;
}

std::vector<std::string> processes_of(const std::string& node_id) {
  std::vector<std::string> found;
  std::error_code ec;
  for (auto& entry : fs::directory_iterator("/proc", ec)) {
    auto environment = read_file(entry.path() / "environ");
    auto command = read_file(entry.path() / "cmdline");
    bool is_its = environment.find("MUSTER_NODE_NAME=" + node_id) != std::string::npos ||
                  command.find(node_id) != std::string::npos;
    if (!is_its || command.empty() || read_file(entry.path() / "comm") == "epmd\n") continue;
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back(command);
  }
  return found;
}

}  // namespace muster::test
