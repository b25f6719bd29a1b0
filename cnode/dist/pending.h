#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "dist/link.h"

namespace muster::dist {

/// A call of ours that waits for its answer; lives in the frame of the coroutine that made the
/// call, and is known to the link by its reference.
struct Link::Pending {
  /// An answer of more than `most` is not read.
  Pending(Link& link, std::uint64_t ref, Link::Duration limit, etf::Limits most);
  Pending(const Pending&) = delete;
  ~Pending();

  /// True: answered, in one of the members below. False: the time is over. Cancellation unwinds.
  /// A long answer is taken apart meanwhile, beside the loop.
  boost::asio::awaitable<bool> wait();

  void ended(std::string_view encoded_reason);  ///< the monitored process is gone
  void answered(std::string_view encoded_reply);
  void refused(std::string why);                      ///< spawn failed
  void left_out(std::size_t size, std::size_t most);  ///< the answer is longer than it may be
  void lost();                                        ///< the link is gone

  enum class State { waiting, ended, answered, refused, unread, lost };
  State state = State::waiting;
  etf::Term value;  ///< the exit reason or the reply
  std::string refusal;
  Error unread;  ///< why the answer was not decoded: it is too large
  std::optional<PeerPid> spawned;

 private:
  boost::asio::awaitable<void> take_apart();
  void take(State next, std::string_view encoded);
  bool keep(Result<etf::Term> term);
  void no_memory();

  std::string_view long_answer_;       ///< encoded: to be taken apart on a thread
  std::string copy_;                   ///< which is this,
  std::unique_ptr<LargeFrame> frame_;  ///< or in this

  std::shared_ptr<Link> link_;
  std::uint64_t ref_;
  etf::Limits most_;
  boost::asio::steady_timer wake_;
  Budget::Claim claim_;  ///< for the answer
};

}  // namespace muster::dist
