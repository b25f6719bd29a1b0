#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/budget.h"
#include "doors/rest/crowd.h"
#include "doors/rest/dispatcher.h"
#include "doors/rest/pace.h"
#include "doors/rest/stream.h"
#include "doors/rest/turns.h"
#include "ops/events.h"

namespace muster::doors::rest {

/// How long and how much; the defaults are what is documented.
struct Limits {
  std::chrono::seconds idle{60};         ///< between requests
  std::chrono::seconds head{10};         ///< for TLS's handshake, and for a request's head
  std::chrono::seconds transfer{30};     ///< without progress, either way
  std::uint64_t bytes_per_second{4096};  ///< a body must come faster, after `transfer`; and go
  std::uint64_t page_bytes_per_second{1 << 20};  ///< the same of a page
  std::size_t pages_per_caller = 2;              ///< that are read at once
  std::chrono::seconds request{300};             ///< for an operation that does not limit itself
  std::chrono::hours upload{2};                  ///< for one that takes a stream of bytes
};

/// For this operation; nothing where it limits itself.
std::optional<std::chrono::steady_clock::duration> time_limit(const ops::Operation& operation,
                                                              const Limits& limits);

/// What all connections of a server share.
struct Shared {
  const Dispatcher& dispatcher;
  ops::EventBus& events;
  Limits limits;
  Budget* budget;
  Crowd crowd;
  Turns turns = {};
  std::map<std::string, std::size_t> pages = {};  ///< under way, by caller
  /// What the last answer took, of operations where that was much: it is claimed before they run.
  std::unordered_map<const ops::Operation*, std::uint64_t> took = {};
  bool is_stopping = false;
};

/// One client: requests one after the other until it leaves, is too slow, or says what cannot be
/// understood; or a WebSocket. Owned by the Server's TaskGroup through run(); lives on the loop.
/// Cancelling run() ends the operation that it waits for. So does a client that hangs up (or closes
/// its half), where the row says so (Row::ends_with_caller).
/// What it holds in memory beyond `unclaimed` it claims from the budget, for the caller that its
/// last request was from; told to go, it closes.
class Connection : public std::enable_shared_from_this<Connection>, public Crowd::Member {
 public:
  /// `address` is where the client is, for the audit; `account` whose its connections are counted
  /// as until it shows a token.
  Connection(std::shared_ptr<Stream> stream, std::string address, const std::string& account,
             Shared& shared);
  ~Connection() override;

  static asio::awaitable<void> run(std::shared_ptr<Connection> self);
  /// Waits for a request, or serves a WebSocket: may be cut off.
  bool is_idle() const { return is_idle_; }
  State state() const override;
  /// Whose its last request was ("token:ci"), or its events are.
  const std::string& caller() const { return caller_; }
  /// Its caller's token is no more: what it streams, or sends still, ends; what runs ends well.
  void dismiss();
  void close() override { stream_->close(); }

 private:
  class Body;

  asio::awaitable<bool> serve();  // one request; false: the connection ends
  asio::awaitable<bool> read_head();
  asio::awaitable<void> serve_events();
  asio::awaitable<bool> serve_page(const Page& page);
  /// Until it is this caller's turn to have a piece of its answer made.
  asio::awaitable<void> wait_for_turn();
  /// Its requests are of this caller from now on. Error: unavailable, where that has too many.
  Result<> belong_to(const std::string& caller);
  asio::awaitable<Response> answer(const Plan& plan);
  asio::awaitable<Response> answer_upload(const Plan& plan);
  asio::awaitable<Response> run_operation(const Plan& plan, ops::Prepared request,
                                          ops::BodySource* body);
  asio::awaitable<void> wait_for_hang_up();
  asio::awaitable<bool> send(Response response);
  /// False: the client is gone, or too slow.
  asio::awaitable<bool> write_in_time(std::string_view bytes, Pace& pace);
  asio::awaitable<void> linger();
  /// The next piece of the body, empty at its end.
  Task<std::string> read_body();
  Task<> fill_in_time();
  Task<bool> fill(std::size_t most);  // buffer_ from the stream; false at its end

  // The watchdog closes the stream when the time set last is over.
  void allow(std::chrono::steady_clock::duration time);
  void allow_any_time();
  void arm();

  std::shared_ptr<Stream> stream_;
  const std::string address_;
  Shared& shared_;
  RequestParser parser_;
  std::string buffer_;  // came, not parsed yet
  std::string block_;
  bool is_idle_ = true;
  bool is_listening_ = false;  ///< a WebSocket
  bool is_dismissed_ = false;
  bool ends_when_dismissed_ = false;  ///< a body comes, or a page goes
  std::string caller_;                ///< of the last request; the account until there is one
  Pace coming_;                       ///< of the body at hand
  Budget::Holder holder_;
  Budget::Claim claim_;  ///< of the request at hand
  asio::steady_timer watchdog_;
  std::chrono::steady_clock::time_point deadline_;
  bool is_armed_ = false;
};

}  // namespace muster::doors::rest
