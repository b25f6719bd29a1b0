#pragma once

#include <list>
#include <map>
#include <memory>
#include <utility>

#include "base/budget.h"
#include "base/slots.h"
#include "base/task_group.h"
#include "dist/node.h"
#include "ops/operation.h"

namespace muster::doors::dist {

/// The calls that run for peers. One that changes something reaches its end, told or not; all else
/// ends with its link, or when its caller gives up (Row::reaches_its_end). What a peer asks for is
/// bounded in number, and in memory by its part of the budget. Owned by Door; lives on the loop.
class Calls final : public muster::dist::LinkListener {
  using Link = muster::dist::Link;
  struct Entry;
  using ByLink = std::map<const Link*, std::list<Entry*>>;

 public:
  static constexpr std::size_t most = 1000;  ///< of one peer at once

  /// What a call holds while it runs: its link, its part of what that may hold here, its place
  /// among the others. Lives in the frame of the call's coroutine; the members' order lets go of
  /// the link last, which g++ 12 does not promise for two parameters of a coroutine.
  class Running {
   private:
    friend class Calls;
    explicit Running(Link& link) : link_(link.shared_from_this()), claim_(link.holder()) {}

    std::shared_ptr<Link> link_;
    Budget::Claim claim_;
    std::shared_ptr<Entry> entry_;
  };

  explicit Calls(asio::any_io_executor executor) : running_(std::move(executor)) {}

  /// For a call with these arguments. Error: unavailable, where as many calls of the peer run as
  /// may, or the daemon's memory for outsiders is spent.
  Result<Running> begin(Link& link, const etf::Term& arguments);

  /// Runs make(Running), a coroutine. Returns how to cancel it; nothing where it is to reach its
  /// end.
  template <class Make>
  TaskGroup::Cancel spawn(const ops::Operation& operation, Running call, Make make) {
    std::weak_ptr<Entry> entry = call.entry_;
    auto cancel = running_.spawn(operation.full_name(), make(std::move(call)));
    if (operation.row().reaches_its_end()) return {};
    if (auto running = entry.lock()) running->cancel = cancel;
    return cancel;
  }
  /// Calls it, and makes {ok, Value} or {error, Map} of what it answers, encoded: a long value in
  /// turns of the loop, one value at a time, callers in turn. A value for which the daemon's memory
  /// for outsiders has no room is the error unavailable.
  asio::awaitable<std::string> answer(const ops::Operation& operation, etf::Term arguments,
                                      ops::Caller caller, Running& call);
  /// The same for what is no operation and ends by itself soon.
  void spawn(std::string name, asio::awaitable<void> coroutine) {
    running_.spawn(std::move(name), std::move(coroutine));
  }

  void link_down(const std::shared_ptr<Link>& link, muster::dist::LinkError) override;
  /// Cancels all, and ends when none is left.
  asio::awaitable<void> stop();

 private:
  struct Entry {
    Entry(std::shared_ptr<ByLink> all, const Link& link);
    Entry(const Entry&) = delete;
    ~Entry();

    std::shared_ptr<ByLink> all;
    ByLink::iterator of;
    std::list<Entry*>::iterator place;
    TaskGroup::Cancel cancel;  ///< empty: it reaches its end
  };

  std::shared_ptr<ByLink> by_link_ = std::make_shared<ByLink>();
  Slots encoding_{1};
  TaskGroup running_;
};

}  // namespace muster::doors::dist
