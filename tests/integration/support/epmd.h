#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "process.h"
#include "temp_dir.h"

namespace muster::test {

/// An epmd of the test's own, on a free port and loopback only; it ends with this object.
/// Pass port() as ERL_EPMD_PORT to everything that shall use it.
class Epmd {
 public:
  /// `addresses` are loopback ones, with commas between them.
  explicit Epmd(std::string addresses = "127.0.0.1");

  /// One that somebody else runs on this port: nothing is started or ended.
  explicit Epmd(std::uint16_t port) : port_(port) {}

  std::uint16_t port() const { return port_; }
  std::string port_text() const { return std::to_string(port_); }
  void stop();   // forgets every name, as a crashed epmd does
  void start();  // on the same port; returns when it answers

  /// What `epmd -names` prints: is this alive name registered?
  bool knows(const std::string& alive) const;

 private:
  TempDir dir_;
  std::string addresses_;
  std::uint16_t port_;
  std::unique_ptr<Process> process_;
};

}  // namespace muster::test
