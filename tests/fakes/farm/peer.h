#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "answers.h"

namespace muster::farm {

/// One connection to one simulated node, without its socket: takes what was read, leaves what is to
/// be written. A node accepts connections only, speaks the handshake of OTP 23 and later, and has
/// no processes: see README.
class Peer {
 public:
  /// Over TLS the lengths of handshake messages have 4 bytes, otherwise 2 (inet_tls_dist).
  Peer(NodeId node, const std::string& cookie, bool is_tls)
      : node_(node), cookie_(cookie), is_tls_(is_tls) {}

  /// False when the connection is to be closed: wrong cookie, or bytes that are no distribution
  /// protocol.
  bool receive(std::string_view bytes);

  /// A tick of the node's own timer, unless it has written since the last one.
  void tick();

  std::string& output() { return output_; }
  bool is_up() const { return state_ == State::up; }

 private:
  enum class State { name, reply, up };

  void put_length(std::size_t length);
  bool take_name(std::string_view message);
  bool take_reply(std::string_view message);
  bool take_frame(std::string_view frame);
  bool take_spawn(const std::vector<etf::Term>& control, const etf::Term& arguments);
  void take_ping(const etf::Term& message);
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
};

}  // namespace muster::farm
