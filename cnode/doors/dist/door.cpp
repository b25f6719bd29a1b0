#include "doors/dist/door.h"

#include "doors/dist/rex.h"
#include "doors/dist/service_process.h"

namespace muster::doors::dist {

Door::Door(asio::any_io_executor executor, muster::dist::Node& node, const ops::Table& table)
    : node_(node),
      table_(table),
      functions_(table, node),
      applier_(std::move(executor), node, functions_) {}

Door::~Door() {
  node_.set_spawn_handler(nullptr);
}

void Door::open() {
  auto add = [&](std::string name, std::shared_ptr<muster::dist::Process> process) {
    node_.register_name(std::move(name), node_.spawn(std::move(process)));
  };
  add("rex", std::make_shared<Rex>(functions_, applier_.running()));
  for (auto& service : table_.services())
    add(service, std::make_shared<ServiceProcess>(service, table_, applier_.running()));
  node_.set_spawn_handler(&applier_);
}

asio::awaitable<void> Door::stop() {
  node_.set_spawn_handler(nullptr);
  applier_.running().cancel();
  co_await applier_.running().join();
}

}  // namespace muster::doors::dist
