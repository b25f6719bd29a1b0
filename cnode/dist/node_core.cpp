#include "dist/node_core.h"

#include <boost/asio/post.hpp>

#include "base/log.h"
#include "base/random.h"
#include "dist/builtin.h"
#include "etf/encode.h"

namespace muster::dist {
namespace {

std::shared_ptr<const SelfName> self_name(const std::string& name, const std::string& host,
                                          const std::string& other) {
  auto full = name + "@" + (host.empty() ? other : host);
  return std::make_shared<const SelfName>(SelfName{full, encoded_atom(full)});
}

}  // namespace

NodeCore::NodeCore(boost::asio::io_context& io, NodeConfig node_config, PeerDirectory& directory)
    : context(io),
      config(std::move(node_config)),
      peers(directory),
      creation(std::max<std::uint32_t>(random_u32(), 4)),  // 0 to 3 had a meaning of their own
      short_self(self_name(config.name, config.short_host, config.long_host)),
      long_self(self_name(config.name, config.long_host, config.short_host)),
      scratch(256 * 1024) {
  caller = spawn(std::make_shared<AnonymousCaller>());
  group_leader = spawn(std::make_shared<GroupLeader>());
  names.emplace("net_kernel", spawn(std::make_shared<NetKernel>()));
}

const std::shared_ptr<const SelfName>& NodeCore::self_for(std::string_view peer) const {
  bool is_long = host_of(peer).find_first_of(".:") != std::string_view::npos;
  return is_long ? long_self : short_self;
}

/// 15 and 13 bits, as peers without V4_NC want them; long-lived processes are skipped when the
/// numbers come round.
LocalPid NodeCore::fresh_pid() {
  for (;;) {
    ++last_pid_;
    LocalPid pid{static_cast<std::uint32_t>(last_pid_ & 0x7fff),
                 static_cast<std::uint32_t>(last_pid_ >> 15 & 0x1fff)};
    if (pid && !is_alive(pid)) return pid;
  }
}

LocalPid NodeCore::spawn(std::shared_ptr<Process> process) {
  auto pid = fresh_pid();
  processes.emplace(pid, std::move(process));
  return pid;
}

void NodeCore::exit(LocalPid pid, const etf::Term& reason) {
  if (processes.erase(pid) == 0) return;
  std::erase_if(names, [pid](const auto& entry) { return entry.second == pid; });
  std::string encoded;
  etf::encode(reason, encoded);
  announce_exit(pid, encoded);
}

void NodeCore::announce_exit(LocalPid pid, std::string_view encoded_reason) {
  for (auto& link : std::vector<std::shared_ptr<Link>>(all_links()))
    link->announce_exit(pid, encoded_reason);
}

std::vector<std::shared_ptr<Link>> NodeCore::all_links() const {
  std::vector<std::shared_ptr<Link>> all;
  all.reserve(links.size());
  for (auto& [name, link] : links) all.push_back(link);
  return all;
}

void NodeCore::adopt(std::shared_ptr<Link> link, std::string_view already_read) {
  if (auto old = links.find(link->peer()); old != links.end()) {
    auto replaced = old->second;
    replaced->close(LinkError::dropped);
  }
  links.insert_or_assign(link->peer(), link);
  log::debug("link with {} is up", link->peer());
  auto begin = [core = shared_from_this(), link, early = std::string(already_read)] {
    auto told = core->listeners;
    for (auto* listener : told)
      if (link->is_up()) listener->link_up(link);
    link->start(early);
  };
  boost::asio::post(context, std::move(begin));
}

void NodeCore::lost(const std::shared_ptr<Link>& link, LinkError why) {
  if (auto found = links.find(link->peer()); found != links.end() && found->second == link)
    links.erase(found);
  log::debug("link with {} is down: {}", link->peer(), name_of(why));
  boost::asio::post(context, [core = shared_from_this(), link, why] { link->come_down(why); });
}

void NodeCore::flush_later(std::shared_ptr<Link> link) {
  unflushed_.push_back(std::move(link));
  if (unflushed_.size() > 1) return;
  boost::asio::post(context, [core = shared_from_this()] {
    auto links = std::exchange(core->unflushed_, {});
    for (auto& one : links) one->flush();
  });
}

void NodeCore::let_go(std::unique_ptr<LargeFrame> frame) {
  constexpr std::size_t in_a_turn = 16u << 20;
  if (!frame || !frame->give_back(in_a_turn)) return;
  auto go_on = [core = shared_from_this(), frame = std::move(frame)]() mutable {
    core->let_go(std::move(frame));
  };
  boost::asio::post(context, std::move(go_on));
}

void NodeCore::sweep() {
  auto now = Liveness::Clock::now();
  for (auto& link : all_links()) link->check_life(now);
}

}  // namespace muster::dist
