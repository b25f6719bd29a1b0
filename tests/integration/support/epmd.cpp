#include "epmd.h"

#include <stdexcept>

#include "ports.h"

namespace muster::test {

Epmd::Epmd(std::string addresses) : addresses_(std::move(addresses)), port_(free_port()) {
  start();
}

void Epmd::stop() {
  process_.reset();
}

void Epmd::start() {
  Command command;
  command.argv = {"epmd", "-port", port_text(), "-address", addresses_};
  command.env = {{"ERL_EPMD_RELAXED_COMMAND_CHECK", "true"}};
  command.output = dir_ / "epmd.log";
  process_ = std::make_unique<Process>(command);
  if (!eventually([this] { return !process_->is_running() || accepts("127.0.0.1", port_); }) ||
      !process_->is_running()) {
    throw std::runtime_error("epmd does not run: " + process_->output());
  }
}

bool Epmd::knows(const std::string& alive) const {
  return run({"epmd", "-port", port_text(), "-names"}).find("name " + alive + " at") !=
         std::string::npos;
}

}  // namespace muster::test
