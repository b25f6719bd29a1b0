#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "bystanders.h"
#include "epmd.h"
#include "http.h"
#include "openapi.h"
#include "process.h"
#include "temp_dir.h"

namespace muster::test {

/// The program built beside the tests, or another build's (with a sanitizer) named in the
/// environment variable MUSTER_BINARY.
std::string muster_binary();

struct DaemonOptions {
  std::string name = "muster@127.0.0.1";
  std::string cookie = "cookie";
  std::vector<std::string> args;           // more arguments of `muster serve`
  std::string config;                      // text of its --config file; none when empty
  std::map<std::string, std::string> env;  // more environment
};

/// A real `muster serve` with a data directory, a cookie file and a REST port of its own.
/// Ends (killed) with this object; then, when the test has failed, the end of its log is printed.
class Daemon {
 public:
  /// Returns when it is ready; throws std::runtime_error with its log when it does not get there.
  Daemon(const Epmd& epmd, DaemonOptions options = {});
  ~Daemon();

  const std::string& name() const { return options_.name; }
  pid_t pid() const { return process_->pid(); }
  Process& process() { return *process_; }
  std::uint16_t http_port() const { return http_port_; }
  std::filesystem::path data_dir() const { return dir_ / "data"; }
  std::filesystem::path log_file() const { return dir_ / "log"; }
  std::string log() const { return read_file(log_file()); }
  std::string url(const std::string& path = "") const;
  std::string token() const;

  void start();  // again, with the same data; returns when it is ready
  void kill9();  // and returns when it is gone
  void restart() { kill9(), start(); }
  /// SIGTERM. True when it ended with exit code 0 within ten seconds.
  bool stop();

  /// What it says of itself in that family of muster_daemon_*: the first value, or the one with
  /// these labels; 0 where it does not answer, or says none.
  double figure(const std::string& family, const boost::json::object& labels = {}) const;
  /// CPU seconds of the longest turn of its loop in the last "10s" or "minute", as it says; 0 where
  /// it does not answer.
  double longest_turn(const std::string& window) const;

  /// Its OpenAPI document; every reply that rest() and rest_raw() see is checked against it.
  const OpenApi& openapi() const;

  /// A request with the admin token; `body` is sent as JSON unless it is null.
  HttpReply rest(const std::string& method, const std::string& path,
                 const boost::json::value& body = nullptr) const;

  /// The same with raw bytes, for releases and for broken bodies.
  HttpReply rest_raw(const std::string& method, const std::string& path, const std::string& body,
                     const std::string& content_type) const;

 private:
  void print_figures();

  const Epmd& epmd_;
  DaemonOptions options_;
  TempDir dir_;
  std::uint16_t http_port_;
  std::unique_ptr<Process> process_;
  mutable std::optional<OpenApi> openapi_;
  std::unique_ptr<Bystanders> bystanders_;  // where the environment asks for them
};

}  // namespace muster::test
