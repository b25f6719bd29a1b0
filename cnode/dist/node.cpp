#include "dist/node.h"

#include "base/log.h"
#include "base/task_group.h"
#include "base/timeout.h"
#include "dist/acceptor.h"
#include "dist/dialer.h"
#include "dist/epmd_client.h"
#include "dist/name_holder.h"
#include "dist/node_core.h"

namespace muster::dist {

class Node::Impl {
 public:
  Impl(boost::asio::io_context& context, NodeConfig config, PeerDirectory& peers)
      : core(std::make_shared<NodeCore>(context, std::move(config), peers)),
        group(context.get_executor()),
        dialer(core, group),
        acceptor(core, dialer, group),
        epmd(context, core->config.name, core->config.epmd_port, core->config.times.epmd_retry) {}
  ~Impl() { close_links(); }

  void close_links() {
    for (auto& link : core->all_links()) link->close(LinkError::dropped);
  }

  boost::asio::awaitable<void> sweep() {
    const auto& times = core->config.times;
    auto shortest = std::min({times.tick, times.probe, times.silence});
    auto every = std::clamp<Times::Duration>(shortest / 3, std::chrono::milliseconds(50),
                                             std::chrono::seconds(5));
    for (;;) {
      co_await pause(every);
      core->sweep();
    }
  }

  std::shared_ptr<NodeCore> core;
  TaskGroup group;
  Dialer dialer;
  Acceptor acceptor;
  EpmdRegistration epmd;
};

Node::Node(boost::asio::io_context& context, NodeConfig config, PeerDirectory& peers)
    : impl_(std::make_unique<Impl>(context, std::move(config), peers)) {}

Node::~Node() = default;

Task<> Node::start() {
  auto& core = *impl_->core;
  for (auto& self : {core.short_self, core.long_self})
    if (!is_node_name(self->name))
      co_return Error(Errc::bad_request, "'" + self->name + "' is no node name");
  if (core.config.tls) {
    CO_TRY(core.tls_client, make_tls_client(*core.config.tls));
    CO_TRY(core.tls_server, make_tls_server(*core.config.tls));
  }
  CO_TRYV(impl_->acceptor.listen());
  auto port = impl_->acceptor.port();
  impl_->dialer.listening_on(port);
  if (port != 0) {
    auto registered = co_await impl_->epmd.enroll(port);
    if (!registered && registered.error().errc() == Errc::conflict)
      CO_TRYV(co_await name_is_free(core.context, core.config.name, core.config.epmd_port));
    if (!registered)
      log::warn("{}: nodes cannot find us by name; going on without, and trying again",
                registered.error().text());
    impl_->group.spawn("epmd", impl_->epmd.run(port));
  }
  impl_->acceptor.start();
  impl_->group.spawn("ticks", impl_->sweep());
  co_return Result<>();
}

Result<bool> Node::reload_certificates() {
  auto& core = *impl_->core;
  if (!core.config.tls) return false;
  TRY(auto client, make_tls_client(*core.config.tls));
  TRY(auto server, make_tls_server(*core.config.tls));
  core.tls_client = std::move(client);
  core.tls_server = std::move(server);
  return true;
}

boost::asio::awaitable<void> Node::stop() {
  impl_->acceptor.close();
  impl_->close_links();
  impl_->group.cancel();
  co_await impl_->group.join();
  impl_->epmd.leave();
}

std::uint16_t Node::port() const {
  return impl_->acceptor.port();
}
std::uint32_t Node::creation() const {
  return impl_->core->creation;
}
bool Node::is_registered() const {
  return impl_->epmd.is_registered();
}
const std::string& Node::self_for(std::string_view peer) const {
  return impl_->core->self_for(peer)->name;
}

LocalPid Node::spawn(std::shared_ptr<Process> process) {
  auto& p = *process;
  p.pid_ = impl_->core->spawn(std::move(process));
  return p.pid_;
}

void Node::exit(LocalPid pid, const etf::Term& reason) {
  impl_->core->exit(pid, reason);
}

bool Node::register_name(std::string name, LocalPid pid) {
  return impl_->core->names.emplace(std::move(name), pid).second;
}

void Node::unregister_name(std::string_view name) {
  auto& names = impl_->core->names;
  if (auto found = names.find(name); found != names.end()) names.erase(found);
}

LocalPid Node::whereis(std::string_view name) const {
  auto found = impl_->core->names.find(name);
  return found == impl_->core->names.end() ? LocalPid{} : found->second;
}

std::vector<std::string> Node::registered() const {
  std::vector<std::string> all;
  for (auto& [name, pid] : impl_->core->names) all.push_back(name);
  std::sort(all.begin(), all.end());
  return all;
}

void Node::set_spawn_handler(SpawnHandler* handler) {
  impl_->core->spawn_handler = handler;
}

Task<std::shared_ptr<Link>> Node::connect(std::string peer) {
  return impl_->dialer.connect(std::move(peer));
}

std::shared_ptr<Link> Node::find(std::string_view peer) const {
  auto found = impl_->core->links.find(peer);
  return found == impl_->core->links.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Link>> Node::links() const {
  return impl_->core->all_links();
}

void Node::close(std::string_view peer) {
  impl_->dialer.abandon(peer);
  if (auto link = find(peer)) link->close(LinkError::dropped);
}

Role Node::role_for(const PeerSettings& settings) const {
  return dist::role_for(impl_->core->config, settings);
}

bool Node::has_proved(const Link& link, const PeerSettings& settings) const {
  auto wanted = proof_for(impl_->core->config, settings);
  if (wanted.of != Proof::Of::peer) return link.proof().of == wanted.of;
  return link.proof() == wanted;
}

std::uint64_t Node::forbidden() const {
  return impl_->core->forbidden;
}

void Node::on_forbidden(std::function<void(const std::string&)> told) {
  impl_->core->on_forbidden = std::move(told);
}

bool Node::send(const etf::Pid& to, const etf::Term& message, LocalPid from) {
  auto link = find(to.node.name);
  if (!link) return false;
  link->send(to, message, from);
  return true;
}

void Node::add_listener(LinkListener& listener) {
  impl_->core->listeners.push_back(&listener);
}

void Node::remove_listener(LinkListener& listener) {
  std::erase(impl_->core->listeners, &listener);
}

}  // namespace muster::dist
