#include "serve.h"

#include <signal.h>
#include <sys/stat.h>

#include "daemon.h"
#include "ports.h"

namespace muster::test {

namespace json = boost::json;
using namespace std::chrono_literals;

mode_t mode_of(const std::filesystem::path& path) {
  struct stat about {};
  return ::lstat(path.c_str(), &about) == 0 ? about.st_mode & 07777 : 0;
}

Serve::Serve(const Epmd& epmd, std::string name)
    : epmd_(epmd), name_(std::move(name)), port_(free_port()) {
  std::filesystem::create_directory(home());
}

bool Serve::start(std::vector<std::string> args, std::map<std::string, std::string> env) {
  process_.reset();
  Command command;
  command.argv = {muster_binary(), "serve", "--name", name_,
                  "--data-dir",    data(),  "--http", "127.0.0.1:" + std::to_string(port_)};
  command.argv.insert(command.argv.end(), args.begin(), args.end());
  command.env = std::move(env);
  command.env.insert({{"ERL_EPMD_PORT", epmd_.port_text()}, {"HOME", home()}});
  command.output = dir_ / "log";
  began_ = log().size();
  process_ = std::make_unique<Process>(std::move(command));
  auto has_settled = [&] { return said().find("muster: ready") != said().npos || has_ended(); };
  return eventually(has_settled, 30s) && !has_ended();
}

void Serve::kill9() {
  process_->signal(SIGKILL);
  process_->wait(10s);
}

bool Serve::stop() {
  process_->signal(SIGTERM);
  return process_->wait(10s) == 0;
}

HttpReply Serve::rest(const std::string& method, const std::string& path, const json::value& body,
                      bool with_token) const {
  HttpRequest request;
  request.method = method;
  request.url = "http://127.0.0.1:" + std::to_string(port_) + path;
  auto token = read_file(data() / "api.token");
  while (token.ends_with('\n')) token.pop_back();
  if (with_token) request.headers = {"Authorization: Bearer " + token};
  if (!body.is_null()) {
    request.headers.push_back("Content-Type: application/json");
    request.body = json::serialize(body);
  }
  return http(request);
}

std::string Serve::get(const std::string& path, bool with_token) const {
  auto reply = rest("GET", path, nullptr, with_token);
  return std::to_string(reply.status) + " " + reply.text;
}

}  // namespace muster::test
