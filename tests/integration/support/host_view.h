#pragma once

#include <chrono>
#include <map>
#include <string>

#include "temp_dir.h"

namespace muster::test {

/// The host as a node is made to see it: other readings than this machine's, and a clock that is
/// off, changed while the node runs. Give env() to what is started; it must outlive that.
class HostView {
 public:
  HostView();
  std::map<std::string, std::string> env() const;

  /// /proc/NAME reads so from now on; `disk`: how full each disk is, in percent.
  void show(const std::string& name, const std::string& text);
  /// The wall clock is ahead by this.
  void set_clock(std::chrono::microseconds ahead);

 private:
  TempDir dir_;
};

}  // namespace muster::test
