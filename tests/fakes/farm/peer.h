#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "answers.h"
#include "collection.h"
#include "liar.h"

namespace muster::farm {

/// One connection to one simulated node, without its socket: takes what was read, leaves what is to
/// be written. A node accepts connections only, speaks the handshake of OTP 23 and later, and has
/// no processes but, with a collection, the agents that were started: see README.
class Peer {
 public:
  /// Over TLS the lengths of handshake messages have 4 bytes, otherwise 2 (inet_tls_dist).
  /// With a collection the node runs the application muster_agents.
  Peer(NodeId node, const std::string& cookie, bool is_tls, const Collection* collection)
      : node_(node), cookie_(cookie), is_tls_(is_tls), collection_(collection) {}

  /// Its agent `notifications` says something, too.
  void say_entries() { says_entries_ = true; }
  /// From now on it lies: see Liar.
  void lie() { liar_.emplace(node_); }
  bool is_liar() const { return liar_.has_value(); }
  /// Whether it takes what comes.
  bool reads() const { return !liar_ || liar_->reads(); }
  /// A liar's turn, ten times a second. False: it hangs up.
  bool act();

  /// False when the connection is to be closed: wrong cookie, or bytes that are no distribution
  /// protocol.
  bool receive(std::string_view bytes);

  /// A tick of the node's own timer, unless it has written since the last one.
  void tick();

  /// Sends what the agent `metrics` has measured, if it is due; the agent `notifications` says a
  /// numbered entry beside it ("entry 1", "entry 2", …).
  void collect(std::chrono::steady_clock::time_point now);

  std::string& output() { return output_; }
  bool is_up() const { return state_ == State::up; }

 private:
  enum class State { name, reply, up };

  void run_agent(const std::string& name, const etf::Map& options, const etf::Term& agent);
  void put_length(std::size_t length);
  bool take_name(std::string_view message);
  bool take_reply(std::string_view message);
  bool take_frame(std::string_view frame);
  bool take_spawn(const std::vector<etf::Term>& control, const etf::Term& arguments);
  void take_ping(const etf::Term& message);
  std::optional<etf::Term> agent_call(const std::string& module, const std::string& function,
                                      const std::vector<etf::Term>& arguments);
  void send(const etf::Term& control, const etf::Term* payload = nullptr);
  etf::Term fresh_pid();

  NodeId node_;
  const std::string& cookie_;
  bool is_tls_;
  State state_ = State::name;
  std::uint32_t challenge_ = 0;
  std::uint32_t processes_ = 0;
  bool has_written_ = false;
  std::string input_, output_;

  /// The lease on the agent `metrics`.
  struct Lease {
    etf::Term daemon, agent;
    std::chrono::milliseconds interval;
    std::chrono::steady_clock::time_point next;
    unsigned round = 0;
  };
  const Collection* collection_;
  std::optional<Lease> lease_;
  std::optional<etf::Term> entries_daemon_, entries_agent_;  ///< of `notifications`
  bool says_entries_ = false;
  std::optional<Liar> liar_;
  std::uint32_t agents_ = 0;  ///< started so far
};

}  // namespace muster::farm
