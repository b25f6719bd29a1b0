#include "ops/events.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <stdexcept>

#include "base/log.h"
#include "ops/json_text.h"

namespace muster::ops {

json::value Convert<EventPtr>::to_json(const EventPtr& event) {
  return json::object{{"topic", event->topic},
                      {"seq", event->seq},
                      {"at", to_rfc3339(event->at)},
                      {"data", event->data_json()}};
}

etf::Term Convert<EventPtr>::to_term(const EventPtr& event) {
  auto term = event->term();
  term.get_if<etf::Map>()->pairs.emplace_back(etf::atom("topic"), etf::binary(event->topic));
  return term;
}

json::object Convert<EventPtr>::schema() {
  return {{"type", "object"},
          {"required", {"topic", "seq", "at", "data"}},
          {"properties",
           {{"topic", {{"type", "string"}}},
            {"seq", {{"type", "integer"}}},
            {"at", {{"type", "string"}, {"format", "date-time"}}},
            {"data", {{"type", "object"}}}}}};
}

Event::Event(std::string topic, std::uint64_t seq, Timestamp at, std::shared_ptr<const void> data,
             const Type& type)
    : topic(std::move(topic)), seq(seq), at(at), data_(std::move(data)), type_(&type) {
  constexpr std::size_t forms = 3;  // the struct, the frame, the term
  weight_ = sizeof(Event) + forms * type_->weight(data_.get());
}

const std::string& Event::frame() const {
  if (frame_.empty())
    frame_ = json_text(json::object{
        {"topic", topic}, {"seq", seq}, {"at", to_rfc3339(at)}, {"data", data_json()}});
  return frame_;
}

const etf::Term& Event::term() const {
  if (!term_) {
    etf::Map map;
    map.pairs.emplace_back(etf::atom("seq"), static_cast<std::int64_t>(seq));
    map.pairs.emplace_back(etf::atom("at"), std::int64_t{at.time_since_epoch().count()});
    map.pairs.emplace_back(etf::atom("data"), type_->to_term(data_.get()));
    term_ = std::move(map);
  }
  return *term_;
}

namespace {

std::size_t weight_of(const Delivery& delivery) {
  auto* event = std::get_if<EventPtr>(&delivery);
  return event ? (*event)->weight() : 0;
}

}  // namespace

Subscription::Subscription(EventBus& bus, std::vector<std::string> topics, std::size_t bound,
                           bool is_inside)
    : bus_(&bus),
      topics_(std::move(topics)),
      bound_(bound),
      is_inside_(is_inside),
      ready_(bus.executor_, asio::steady_timer::time_point::max()) {}

Subscription::~Subscription() {
  if (bus_) bus_->subscribers_.remove(this);
}

bool Subscription::wants(std::string_view topic) const {
  if (topics_.empty()) return true;
  for (std::string_view wanted : topics_)
    if (topic.starts_with(wanted) && (topic.size() == wanted.size() || topic[wanted.size()] == '.'))
      return true;
  return false;
}

void Subscription::offer(Delivery delivery) {
  bool was_empty = queue_.empty();
  if (!is_full()) {
    bytes_ += weight_of(delivery);
    queue_.push_back(std::move(delivery));
  } else {
    if (!std::holds_alternative<Gap>(queue_.back())) queue_.push_back(Gap{0});
    lose(queue_.back());
  }
  if (was_empty) ready_.cancel();
}

bool Subscription::is_full() const {
  return queue_.size() >= bound_ || (is_inside_ && bytes_ >= EventBus::most_inside_bytes);
}

void Subscription::lose(Delivery& gap) {
  ++lost_;
  ++bus_->lost_;
  ++std::get<Gap>(gap).lost;
}

void Subscription::forget(std::uint64_t seq) {
  if (is_inside_) return;
  auto is_old = [&](std::size_t at) {
    auto* event = at < queue_.size() ? std::get_if<EventPtr>(&queue_[at]) : nullptr;
    return event && (*event)->seq <= seq;
  };
  if (is_old(0)) {
    bytes_ -= weight_of(queue_.front());
    queue_.front() = Gap{0};
    lose(queue_.front());
  }
  while (is_old(1)) {  // the first is a gap
    lose(queue_.front());
    bytes_ -= weight_of(queue_[1]);
    queue_.erase(queue_.begin() + 1);
  }
}

std::optional<Delivery> Subscription::try_next() {
  if (queue_.empty()) return std::nullopt;
  auto delivery = std::move(queue_.front());
  queue_.pop_front();
  bytes_ -= weight_of(delivery);
  return delivery;
}

Task<Delivery> Subscription::next() {
  constexpr std::size_t in_one_turn = 16;  // of a long queue, before others have theirs
  if (is_inside_) {
    // A publisher has a whole turn, too: who reads less in one of his falls behind.
    if (!queue_.empty() && turn_.is_over()) co_await next_turn(turn_);
  } else if (!queue_.empty() && queue_.size() % in_one_turn == 0) {
    auto executor = co_await asio::this_coro::executor;
    co_await asio::post(executor, asio::use_awaitable);
  }
  for (;;) {
    if (auto delivery = try_next()) co_return *std::move(delivery);
    if (!bus_) co_return Error(Errc::unavailable, "the daemon is stopping");
    auto [ec] = co_await ready_.async_wait(asio::as_tuple(asio::use_awaitable));
    // The timer is cancelled by offer(), or this coroutine by its owner.
    auto cancelled = (co_await asio::this_coro::cancellation_state).cancelled();
    if (cancelled != asio::cancellation_type::none) throw boost::system::system_error(ec);
    turn_ = Turn();
  }
}

EventBus::EventBus(asio::any_io_executor executor, const Clock& clock, std::size_t kept)
    : executor_(std::move(executor)), clock_(clock), kept_(kept) {}

EventBus::~EventBus() {
  close();
}

void EventBus::declare(std::vector<Topic> topics) {
  topics_.insert(topics_.end(), topics.begin(), topics.end());
}

bool EventBus::is_topic(std::string_view name) const {
  return std::any_of(topics_.begin(), topics_.end(), [&](auto& topic) {
    return topic.name.starts_with(name) &&
           (topic.name.size() == name.size() || topic.name[name.size()] == '.');
  });
}

void EventBus::publish(std::string_view name, std::shared_ptr<const void> data, const Type& type) {
  auto topic =
      std::find_if(topics_.begin(), topics_.end(), [&](auto& t) { return t.name == name; });
  if (topic == topics_.end() || topic->data != &type)
    throw std::logic_error("an event that is not declared: " + std::string(name));
  auto event =
      std::make_shared<const Event>(topic->name, ++seq_, clock_.now(), std::move(data), type);
  recent_.push_back(event);
  recent_bytes_ += event->weight();
  while (recent_.size() > 1 && (recent_.size() > kept_ || recent_bytes_ > kept_bytes)) {
    auto oldest = std::move(recent_.front());
    recent_.pop_front();
    recent_bytes_ -= oldest->weight();
    for (auto* subscriber : subscribers_) subscriber->forget(oldest->seq);
  }
  for (auto* subscriber : subscribers_)
    if (subscriber->wants(event->topic)) subscriber->offer(event);
}

Result<std::unique_ptr<Subscription>> EventBus::add(std::vector<std::string> topics,
                                                    std::size_t bound, bool is_inside) {
  if (topics.size() > most_topics)
    return Error(Errc::bad_request, fmt::format("more than {} topics", most_topics), "/topics");
  for (std::size_t i = 0; i < topics.size(); ++i)
    if (!is_topic(topics[i]))
      return Error(Errc::bad_request, fmt::format("no topic '{}'", topics[i]),
                   fmt::format("/topics/{}", i));
  std::unique_ptr<Subscription> subscription(
      new Subscription(*this, std::move(topics), bound, is_inside));
  subscribers_.push_back(subscription.get());
  return subscription;
}

Result<std::unique_ptr<Subscription>> EventBus::subscribe_inside(std::vector<std::string> topics,
                                                                 std::size_t bound) {
  return add(std::move(topics), bound, true);
}

Result<std::unique_ptr<Subscription>> EventBus::subscribe(std::vector<std::string> topics,
                                                          std::optional<std::uint64_t> since,
                                                          std::size_t bound) {
  TRY(auto subscription, add(std::move(topics), bound, false));
  if (!since) return subscription;
  std::uint64_t oldest = seq_ + 1 - recent_.size();
  if (*since > seq_)
    subscription->offer(Gap{0});
  else if (*since + 1 < oldest)
    subscription->offer(Gap{oldest - *since - 1});
  for (auto& event : recent_)
    if ((*since > seq_ || event->seq > *since) && subscription->wants(event->topic))
      subscription->offer(event);
  return subscription;
}

bool EventBus::is_heard(std::string_view topic) const {
  return std::any_of(subscribers_.begin(), subscribers_.end(),
                     [&](auto* subscriber) { return subscriber->wants(topic); });
}

void EventBus::close() {
  for (auto* subscriber : subscribers_) {
    subscriber->bus_ = nullptr;
    subscriber->ready_.cancel();
  }
  subscribers_.clear();
}

asio::awaitable<void> hear(std::string who, Subscription& subscription,
                           std::function<void(const Event&)> heard,
                           std::function<asio::awaitable<void>()> make_good) {
  std::uint64_t missed = 0;
  for (;;) {
    auto delivery = co_await subscription.next();
    if (!delivery) co_return;  // the bus was closed
    if (auto* event = std::get_if<EventPtr>(&*delivery))
      heard(**event);
    else
      missed += std::get<Gap>(*delivery).lost;
    if (missed == 0 || subscription.waiting() > 0) continue;
    log::warn("{}: {} events were too many: looking at how things are", who,
              std::exchange(missed, 0));
    co_await make_good();
  }
}

}  // namespace muster::ops
