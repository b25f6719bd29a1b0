#include "daemon.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <stdexcept>

#include "ports.h"

namespace muster::test {

std::string muster_binary() {
  const char* other = std::getenv("MUSTER_BINARY");
  return other == nullptr ? MUSTER_BINARY : other;
}

Daemon::Daemon(const Epmd& epmd, DaemonOptions options)
    : epmd_(epmd), options_(std::move(options)), http_port_(free_port()) {
  write_file(dir_ / "cookie", options_.cookie, 0400);
  if (!options_.config.empty()) write_file(dir_ / "muster.toml", options_.config);
  start();
  if (const char* count = std::getenv("MUSTER_BYSTANDERS"))
    bystanders_ = std::make_unique<Bystanders>(*this, static_cast<unsigned>(std::stoul(count)));
}

Daemon::~Daemon() {
  if (bystanders_) print_figures();
  bystanders_.reset();
  process_.reset();
  if (!testing::Test::HasFailure()) return;
  const auto text = log();
  std::cerr << "--- log of " << name() << "\n"
            << text.substr(text.size() - std::min<std::size_t>(text.size(), 8000));
}

/// A line for each daemon, for benches.
void Daemon::print_figures() {
  auto* test = testing::UnitTest::GetInstance()->current_test_info();
  const auto figures = bystanders_->figures();
  std::printf(
      "figures %s.%s answer_ms=%.1f unanswered=%u/%u turn_ms=%.2f memory_mib=%.1f down=%ld\n",
      test ? test->test_suite_name() : "", test ? test->name() : "", 1e3 * figures.slowest_answer,
      figures.unanswered, figures.asked, 1e3 * figures.longest_turn,
      static_cast<double>(figures.memory) / 1024, figures.down);
}

std::string Daemon::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(http_port_) + path;
}

std::string Daemon::token() const {
  const auto text = read_file(data_dir() / "api.token");
  return text.substr(0, text.find_last_not_of(" \n") + 1);
}

void Daemon::start() {
  Command command;
  command.argv = {muster_binary(), "serve",
                  "--name",        name(),
                  "--cookie-file", dir_ / "cookie",
                  "--data-dir",    data_dir(),
                  "--http",        "127.0.0.1:" + std::to_string(http_port_)};
  if (!options_.config.empty())
    command.argv.insert(command.argv.end(), {"--config", dir_ / "muster.toml"});
  command.argv.insert(command.argv.end(), options_.args.begin(), options_.args.end());
  command.env = options_.env;
  command.env.insert({{"ERL_EPMD_PORT", epmd_.port_text()}, {"HOME", dir_.path()}});
  command.output = log_file();
  const auto before = log().size();
  process_ = std::make_unique<Process>(std::move(command));
  const bool ready = eventually(
      [&] {
        const bool ended = !process_->is_running();
        return log().find("muster: ready", before) != std::string::npos || ended;
      },
      std::chrono::seconds(30));
  if (!ready || !process_->is_running())
    throw std::runtime_error("the daemon does not start: " + log());
  if (bystanders_) bystanders_->daemon_is_away(false);
}

void Daemon::kill9() {
  if (bystanders_) bystanders_->daemon_is_away(true);
  process_->signal(SIGKILL);
  process_->wait(std::chrono::seconds(10));
}

bool Daemon::stop() {
  if (bystanders_) bystanders_->daemon_is_away(true);
  process_->signal(SIGTERM);
  return process_->wait(std::chrono::seconds(10)) == 0;
}

double Daemon::figure(const std::string& family, const boost::json::object& labels) const {
  HttpRequest request;
  request.url = url("/api/metrics/daemon");
  request.headers = {"Authorization: Bearer " + token()};
  const auto reply = http(request);
  if (reply.status != 200) return 0;
  for (auto& one : reply.json.at("items").as_array()) {
    if (one.at("name").as_string() != family) continue;
    for (auto& value : one.at("values").as_array())
      if (labels.empty() || value.at("labels").as_object() == labels)
        return value.at("value").to_number<double>();
  }
  return 0;
}

double Daemon::longest_turn(const std::string& window) const {
  return figure("muster_daemon_loop_longest_turn_seconds", {{"window", window}});
}

HttpReply Daemon::rest(const std::string& method, const std::string& path,
                       const boost::json::value& body) const {
  if (body.is_null()) return rest_raw(method, path, "", "");
  return rest_raw(method, path, boost::json::serialize(body), "application/json");
}

HttpReply Daemon::rest_raw(const std::string& method, const std::string& path,
                           const std::string& body, const std::string& content_type) const {
  HttpRequest request;
  request.method = method;
  request.url = url(path);
  request.headers = {"Authorization: Bearer " + token()};
  if (!content_type.empty()) request.headers.push_back("Content-Type: " + content_type);
  request.body = body;
  auto reply = http(request);
  if (reply.status != 0 && method != "HEAD") {
    const auto wrong =
        openapi().check(method, path.substr(0, path.find('?')), reply.status, reply.json);
    EXPECT_EQ(wrong, "") << method << " " << path
                         << " does not answer as documented: " << reply.text;
  }
  return reply;
}

const OpenApi& Daemon::openapi() const {
  if (!openapi_) {
    HttpRequest request;
    request.url = url("/api/openapi.json");
    request.headers = {"Authorization: Bearer " + token()};
    openapi_.emplace(http(request).json);
  }
  return *openapi_;
}

}  // namespace muster::test
