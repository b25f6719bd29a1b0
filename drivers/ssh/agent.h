#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <string>
#include <vector>

#include "base/result.h"

namespace muster::drivers::ssh {

/// The user's ssh-agent, asked without blocking (libssh2's own client blocks its thread for as long
/// as the agent asks its user). Each question is a connection of its own and has a time limit.
/// https://datatracker.ietf.org/doc/html/draft-miller-ssh-agent
class Agent {
 public:
  /// `socket` as $SSH_AUTH_SOCK has it.
  explicit Agent(std::string socket) : socket_(std::move(socket)) {}

  /// The public keys that it can sign with, as on the wire.
  Task<std::vector<std::string>> keys() const;
  /// A signature, as on the wire.
  Task<std::string> sign(std::string key, std::string data) const;

 private:
  Task<std::string> ask(std::string question) const;
  Task<std::string> exchange(std::string question) const;
  std::string socket_;
};

/// The keys in an agent's answer to "which do you have" (type byte and all). Errors: unavailable.
Result<std::vector<std::string>> parse_identities(std::string_view answer);
Result<std::string> parse_signature(std::string_view answer);

}  // namespace muster::drivers::ssh
