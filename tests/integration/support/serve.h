#pragma once

#include <sys/types.h>

#include <boost/json.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "epmd.h"
#include "http.h"
#include "process.h"
#include "temp_dir.h"

namespace muster::test {

/// Of the file itself, not of what it links to; 0 where there is none.
mode_t mode_of(const std::filesystem::path& path);

/// `muster serve` in a home of its own, which may well not start. Ends with this object.
class Serve {
 public:
  explicit Serve(const Epmd& epmd, std::string name = "muster@127.0.0.1");

  std::filesystem::path home() const { return dir_ / "home"; }
  std::filesystem::path data() const { return data_.empty() ? dir_ / "data" : data_; }
  /// From the next start on, in that data directory.
  void use(std::filesystem::path data) { data_ = std::move(data); }
  std::string name() const { return name_; }
  std::uint16_t port() const { return port_; }

  /// True when it is ready.
  bool start(std::vector<std::string> args = {}, std::map<std::string, std::string> env = {});
  bool has_ended() { return !process_->is_running(); }
  void kill9();
  /// By SIGTERM. True when it ended in time, with exit code 0.
  bool stop();
  Process& process() { return *process_; }

  std::string log() const { return read_file(dir_ / "log"); }
  /// What the log says of this start.
  std::string said() const { return log().substr(began_); }

  /// With the admin token, or without.
  HttpReply rest(const std::string& method, const std::string& path,
                 const boost::json::value& body = nullptr, bool with_token = true) const;
  /// "200 {…}".
  std::string get(const std::string& path, bool with_token = true) const;

 private:
  const Epmd& epmd_;
  TempDir dir_;
  std::string name_;
  std::uint16_t port_;
  std::filesystem::path data_;
  std::size_t began_ = 0;
  std::unique_ptr<Process> process_;
};

}  // namespace muster::test
