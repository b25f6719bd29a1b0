#include "doors/dist/door.h"

#include "doors/dist/rex.h"
#include "doors/dist/service_process.h"

namespace muster::doors::dist {

Door::Door(asio::any_io_executor executor, muster::dist::Node& node, const ops::Table& table)
    : node_(node),
      table_(table),
      functions_(table, node),
      calls_(std::move(executor)),
      applier_(node, functions_, calls_) {}

Door::~Door() {
  node_.remove_listener(calls_);
  node_.set_spawn_handler(nullptr);
}

void Door::open() {
  auto add = [&](std::string name, std::shared_ptr<muster::dist::Process> process) {
    node_.register_name(std::move(name), node_.spawn(std::move(process)));
  };
  add("rex", std::make_shared<Rex>(functions_, calls_));
  for (auto& service : table_.services())
    add(service, std::make_shared<ServiceProcess>(service, table_, calls_));
  node_.add_listener(calls_);
  node_.set_spawn_handler(&applier_);
}

asio::awaitable<void> Door::stop() {
  node_.set_spawn_handler(nullptr);
  co_await calls_.stop();
}

}  // namespace muster::doors::dist
