#include "drivers/local/local_driver.h"

#include "drivers/options.h"

namespace muster::drivers {
namespace {

class LocalDriver final : public Driver {
 public:
  LocalDriver(Machine machine, std::shared_ptr<Host> host)
      : machines_{std::move(machine)}, host_(std::move(host)) {}

  const std::vector<Machine>& machines() const override { return machines_; }

  Result<std::shared_ptr<Host>> host(const std::string& machine, const std::string&) override {
    if (machine != machines_.front().id)
      return Error(Errc::not_found, "a local provider has no machine '" + machine + "'");
    return host_;
  }

 private:
  std::vector<Machine> machines_;
  std::shared_ptr<Host> host_;
};

}  // namespace

Result<std::unique_ptr<Driver>> make_local_driver(const boost::json::object& options,
                                                  Hosts& hosts) {
  Machine machine;
  machine.id = "local";
  machine.node_host = text_option(options, "node_host", "127.0.0.1");
  if (!is_host_name(machine.node_host))
    return Error(Errc::bad_request, "not a host name: '" + machine.node_host + "'", "/node_host");
  const auto folder = text_option(options, "folder");
  if (!folder.empty() && !folder.starts_with('/'))
    return Error(Errc::bad_request, "the folder is to be an absolute path", "/folder");
  machine.folder = folder;
  return std::unique_ptr<Driver>(
      std::make_unique<LocalDriver>(std::move(machine), hosts.local(folder)));
}

}  // namespace muster::drivers
