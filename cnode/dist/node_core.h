#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/turn.h"
#include "dist/challenges.h"
#include "dist/channel.h"
#include "dist/config.h"
#include "dist/large_frame.h"
#include "dist/log_limit.h"
#include "dist/node.h"

namespace muster::dist {

struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>()(text);
  }
};
template <class T>
using ByName = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

/// One of our two names, plain and as an encoded atom; links share it.
struct SelfName {
  std::string name, atom;
};

/// What the node's parts share: who we are, our processes, our links. Held by Node and by
/// its links.
class NodeCore : public std::enable_shared_from_this<NodeCore> {
 public:
  NodeCore(boost::asio::io_context& context, NodeConfig config, PeerDirectory& peers);

  boost::asio::io_context& context;
  const NodeConfig config;
  PeerDirectory& peers;
  const std::uint32_t creation;
  std::shared_ptr<const SelfName> short_self, long_self;
  SslContext tls_client, tls_server;

  std::unordered_map<LocalPid, std::shared_ptr<Process>, IdHash> processes;
  std::unordered_map<LocalPid, Job*, IdHash> jobs;  ///< those that were not finished at once
  ByName<LocalPid> names;
  SpawnHandler* spawn_handler = nullptr;
  const std::shared_ptr<Challenges> challenges = std::make_shared<Challenges>();
  LocalPid caller;        ///< in whose name calls and nameless sends go out
  LocalPid group_leader;  ///< of what we spawn on peers

  ByName<std::shared_ptr<Link>> links;
  std::vector<LinkListener*> listeners;
  LogLimit rubbish, refusals;
  std::uint64_t forbidden = 0;  ///< what guests asked for
  std::function<void(const std::string& peer)> on_forbidden = [](auto&) {};
  std::vector<char> scratch;             ///< every link reads through it
  Turn turn;                             ///< of the link that reads now
  boost::asio::thread_pool decoders{1};  ///< takes long answers apart

  const std::shared_ptr<const SelfName>& self_for(std::string_view peer) const;
  LocalPid fresh_pid();
  std::uint64_t fresh_ref() { return ++last_ref_; }

  LocalPid spawn(std::shared_ptr<Process> process);
  void exit(LocalPid pid, const etf::Term& reason);
  bool is_alive(LocalPid pid) const { return processes.count(pid) > 0 || jobs.count(pid) > 0; }
  /// The end of a process or job, told to every peer that watches it.
  void announce_exit(LocalPid pid, std::string_view encoded_reason);
  /// Some peer monitors or links this job, so that its end must be announced.
  void watched(LocalPid job) { watched_jobs_.insert(job); }
  bool take_watched(LocalPid job) { return watched_jobs_.erase(job) > 0; }

  /// Takes an authenticated link in, in place of an older one of the same peer.
  void adopt(std::shared_ptr<Link> link, std::string_view already_read);
  std::vector<std::shared_ptr<Link>> all_links() const;
  /// Called by a link that went down.
  void lost(const std::shared_ptr<Link>& link, LinkError why);
  /// Writes the link's queue at the end of this turn of the loop.
  void flush_later(std::shared_ptr<Link> link);
  /// Its memory goes back in as many turns as that needs. May be null.
  void let_go(std::unique_ptr<LargeFrame> frame);
  void sweep();

 private:
  std::uint64_t last_pid_ = 0, last_ref_ = 0;
  std::unordered_set<LocalPid, IdHash> watched_jobs_;
  std::vector<std::shared_ptr<Link>> unflushed_;
};

}  // namespace muster::dist
