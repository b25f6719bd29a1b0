#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/turn.h"
#include "ops/convert.h"

namespace muster::ops {

/// One thing that happened. Shared by all who hear of it; each form is made once, when first asked
/// for.
class Event {
 public:
  Event(std::string topic, std::uint64_t seq, Timestamp at, std::shared_ptr<const void> data,
        const Type& type);

  const std::string topic;  ///< "topology.node_state"
  const std::uint64_t seq;  ///< counts up by one per event of this daemon's life, from 1
  const Timestamp at;

  /// The WebSocket's frame: {"topic":…,"seq":…,"at":…,"data":…}.
  const std::string& frame() const;
  /// Erlang's: #{seq, at, data}; goes out as {muster_event, Topic, Map}.
  const etf::Term& term() const;
  json::value data_json() const { return type_->to_json(data_.get()); }
  /// About what it holds in memory, with the forms that are made of it.
  std::size_t weight() const { return weight_; }
  /// For listeners inside the daemon: the published struct, or null for another type.
  template <class T>
  const T* as() const {
    return type_ == &type_of<T>() ? static_cast<const T*>(data_.get()) : nullptr;
  }

 private:
  std::shared_ptr<const void> data_;
  const Type* type_;
  std::size_t weight_;
  mutable std::string frame_;
  mutable std::optional<etf::Term> term_;
};
using EventPtr = std::shared_ptr<const Event>;

/// An event in a reply: topic, seq, at and data.
template <>
struct Convert<EventPtr> {
  static Result<EventPtr> read(const Input& in) { return in.wanted("nothing: events only go out"); }
  static json::value to_json(const EventPtr& event);
  static etf::Term to_term(const EventPtr& event);
  static json::object schema();
  static std::size_t heap(const EventPtr& event) { return event->weight(); }
};

/// Events that a subscriber did not get: its queue was full, or `since` is no longer kept. `lost`
/// is 0 where nobody knows how many: `since` is of another life of the daemon.
struct Gap {
  std::uint64_t lost;
};
using Delivery = std::variant<EventPtr, Gap>;

/// A kind of event and what it carries; services list theirs for EventBus::declare.
struct Topic {
  std::string name, doc;
  const Type* data;
};
template <class T>
Topic topic(std::string name, std::string doc) {
  static_assert(!detail::holds_secret<T>(), "an event never carries a secret");
  return {std::move(name), std::move(doc), &type_of<T>()};
}

class EventBus;

/// One listener's queue. Owned by the listener (destroying it unsubscribes); lives on the loop.
/// Bounded: what does not fit is counted, and a Gap with that count stands in its place. So it is
/// with what waits for longer than the bus keeps events: a listener that does not read holds no
/// memory. One inside the daemon does read, and holds what it has not read yet by itself.
class Subscription {
 public:
  ~Subscription();
  /// Waits for the next delivery. One waiter at a time. Cancelling unwinds. After the bus was
  /// closed: unavailable.
  Task<Delivery> next();
  /// The same without waiting.
  std::optional<Delivery> try_next();
  std::size_t waiting() const { return queue_.size(); }
  std::uint64_t lost() const { return lost_; }
  const std::vector<std::string>& topics() const { return topics_; }

 private:
  friend class EventBus;
  Subscription(EventBus& bus, std::vector<std::string> topics, std::size_t bound, bool is_inside);
  bool wants(std::string_view topic) const;
  void offer(Delivery delivery);
  /// The bus no longer keeps events up to this one.
  void forget(std::uint64_t seq);
  void lose(Delivery& gap);
  bool is_full() const;

  EventBus* bus_;
  std::vector<std::string> topics_;
  std::size_t bound_;
  bool is_inside_;
  std::uint64_t lost_ = 0;
  std::size_t bytes_ = 0;  ///< of the events in `queue_`
  std::deque<Delivery> queue_;
  Turn turn_;  ///< of whoever waits inside
  asio::steady_timer ready_;
};

/// Where services say what happened and anybody listens: the WebSocket, muster.subscribe, other
/// services. Owned by app; lives on the loop; publishing never waits. It keeps the last `kept`
/// events, and no more than `kept_bytes` of them.
class EventBus {
 public:
  static constexpr std::size_t kept_bytes = 24 << 20;
  static constexpr std::size_t most_topics = 64;  ///< of a subscription
  /// What a subscription inside the daemon may hold.
  static constexpr std::size_t most_inside = 65'536, most_inside_bytes = 128 << 20;

  EventBus(asio::any_io_executor executor, const Clock& clock, std::size_t kept = 4096);
  EventBus(const EventBus&) = delete;
  ~EventBus();

  /// Only declared topics may be published.
  void declare(std::vector<Topic> topics);
  const std::vector<Topic>& topics() const { return topics_; }
  /// A declared topic, or the first part of some ("topology")?
  bool is_topic(std::string_view name) const;

  /// Throws std::logic_error for an undeclared topic or another type than declared: a bug.
  template <class T>
  void publish(std::string_view topic, T data) {
    publish(topic, std::make_shared<const T>(std::move(data)), type_of<T>());
  }

  /// `topics`: full names or first parts; empty for all. With `since`, first what came after that
  /// sequence number. Error: bad_request at /topics/N for an unknown topic, at /topics for too
  /// many.
  Result<std::unique_ptr<Subscription>> subscribe(std::vector<std::string> topics,
                                                  std::optional<std::uint64_t> since = {},
                                                  std::size_t bound = 1024);
  /// For a part of the daemon whose state follows what it hears, see hear(). It is read as fast as
  /// turns allow, and what it has not read yet stays however much else is published. Errors: as
  /// above.
  Result<std::unique_ptr<Subscription>> subscribe_inside(std::vector<std::string> topics,
                                                         std::size_t bound = most_inside);
  /// Does anybody listen to this topic?
  bool is_heard(std::string_view topic) const;
  /// Of the last event; 0 before the first.
  std::uint64_t last_seq() const { return seq_; }
  /// Events that subscribers did not get, those included that are gone.
  std::uint64_t lost() const { return lost_; }
  const std::list<Subscription*>& subscribers() const { return subscribers_; }
  /// Ends all waits of subscribers.
  void close();

 private:
  friend class Subscription;
  Result<std::unique_ptr<Subscription>> add(std::vector<std::string> topics, std::size_t bound,
                                            bool is_inside);
  void publish(std::string_view topic, std::shared_ptr<const void> data, const Type& type);

  asio::any_io_executor executor_;
  const Clock& clock_;
  std::size_t kept_;
  std::uint64_t seq_ = 0, lost_ = 0;
  std::vector<Topic> topics_;
  std::deque<EventPtr> recent_;
  std::size_t recent_bytes_ = 0;
  std::list<Subscription*> subscribers_;
};

/// Hands on each event until the bus is closed. Where some were lost, `make_good` is run once what
/// waits was heard: it looks at how things are. What happens meanwhile is heard after that. All of
/// it outlives the coroutine; `who` is for the log.
asio::awaitable<void> hear(std::string who, Subscription& subscription,
                           std::function<void(const Event&)> heard,
                           std::function<asio::awaitable<void>()> make_good);

}  // namespace muster::ops
