#include "drivers/physical/physical_driver.h"

#include "drivers/physical/servers.h"

namespace muster::drivers {
namespace {

class PhysicalDriver final : public Driver {
 public:
  PhysicalDriver(std::vector<Server> servers, Hosts& hosts) : hosts_(hosts) {
    for (auto& server : servers) {
      server.machine.user = server.target.user;
      targets_.emplace(server.machine.id, std::move(server.target));
      machines_.push_back(std::move(server.machine));
    }
  }

  const std::vector<Machine>& machines() const override { return machines_; }

  Result<std::shared_ptr<Host>> host(const std::string& machine, const std::string& user) override {
    const auto found = targets_.find(machine);
    if (found == targets_.end())
      return Error(Errc::not_found, "the provider has no server '" + machine + "' any more");
    SshTarget target = found->second;
    if (target.user.empty()) target.user = user;
    return hosts_.ssh(target);
  }

 private:
  std::vector<Machine> machines_;
  std::map<std::string, SshTarget> targets_;
  Hosts& hosts_;
};

}  // namespace

Result<std::unique_ptr<Driver>> make_physical_driver(const boost::json::object& options,
                                                     Hosts& hosts) {
  TRY(auto servers, parse_servers(options.at("servers")));
  return std::unique_ptr<Driver>(std::make_unique<PhysicalDriver>(std::move(servers), hosts));
}

}  // namespace muster::drivers
