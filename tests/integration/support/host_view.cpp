#include "host_view.h"

#include <fstream>
#include <iomanip>

namespace muster::test {

HostView::HostView() {
  write_file(dir_ / "clock", std::string(31, ' ') + "\n");
  set_clock({});
}

std::map<std::string, std::string> HostView::env() const {
  return {{"LD_PRELOAD", MUSTER_HOST_VIEW}, {"HOST_VIEW", dir_.path()}};
}

void HostView::show(const std::string& name, const std::string& text) {
  write_file(dir_ / ".new", text);
  std::filesystem::rename(dir_ / ".new", dir_ / name);
}

void HostView::set_clock(std::chrono::microseconds ahead) {
  std::fstream file(dir_ / "clock", std::ios::in | std::ios::out);  // in place: it is mapped
  file << std::setw(31) << ahead.count();
}

}  // namespace muster::test
