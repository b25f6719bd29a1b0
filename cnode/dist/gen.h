#pragma once

#include <functional>
#include <memory>
#include <string>

#include "dist/process.h"
#include "etf/term.h"

namespace muster::dist {

/// Who waits for the answer to a gen_server call; may be kept as long as the work takes. Answering
/// twice, or after the link is lost, does nothing.
class Caller {
 public:
  /// Of a message that is a call; what it asks for is not looked at.
  static std::optional<Caller> of(const Message& message);

  /// Sends {Tag, value}: to the alias in the tag where there is one, so that late answers are
  /// dropped by the peer's VM; else to the pid. A seq_trace token is passed on.
  void reply(const etf::Term& value);
  /// The same for a value that is already encoded (without version byte).
  void reply_encoded(std::string_view value);

  /// Called at most once, when the caller does not wait any more: its time is up, it died, or the
  /// link is lost. What is seen is that the monitor goes which every gen_server call holds; it goes
  /// after an answer, too. Set before the answer.
  void on_given_up(std::function<void()> given_up);

  Link& link() const { return *link_; }
  etf::Pid pid() const;  ///< the waiting process

 private:
  friend struct GenMessage;
  static std::optional<Caller> read(const Message& message, const PeerPid& pid,
                                    std::string_view tag_and_request);

  std::shared_ptr<Link> link_;
  LocalPid self_;
  PeerPid pid_;
  std::string tag_, token_;  ///< encoded
};

/// What peers have us keep until a call is answered (a tag, a seq_trace token, a group leader) has
/// so many bytes at most; that of a real node has two references of 1,100.
inline constexpr std::size_t most_kept = 4096;

/// A message seen as gen_server sees it.
struct GenMessage {
  enum class Kind { call, cast, info };
  Kind kind = Kind::info;
  Caller caller;   ///< of a call
  etf::Term body;  ///< the request of a call or cast, else the whole message

  /// Nothing when the peer sent rubbish, its link is then closed; or a call with a tag of more than
  /// most_kept.
  static std::optional<GenMessage> read(const Message& message);
};

/// The alias to answer to in the encoded tag of a call: the reference in [alias|Ref], or in
/// [[alias|Ref]|CallRef] as gen_server:multi_call of OTP 27 makes it. Empty for any other tag.
std::string_view alias_in(std::string_view tag);

}  // namespace muster::dist
