#include "services/alarms/desk.h"

#include <boost/asio/as_tuple.hpp>

#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "base/turn.h"
#include "ops/rows.h"

namespace muster::alarms {

using namespace std::chrono_literals;
using ops::Caller;

namespace {

constexpr std::size_t longest_text = 4096;

Result<> check_text(const std::optional<std::string>& text, const char* field) {
  if (text && text->size() > longest_text)
    return Error(Errc::too_large, fmt::format("at most {} bytes", longest_text), field);
  return {};
}

}  // namespace

Desk::Desk(asio::any_io_executor executor, store::Database& database, ops::EventBus& events,
           const Clock& clock)
    : rows_(database),
      events_(events),
      clock_(clock),
      has_work_(executor, asio::steady_timer::time_point::max()),
      running_(executor),
      raising_(executor) {}

std::vector<ops::Topic> Desk::topics() {
  return {ops::topic<AlarmEvent>("alarms.alarm",
                                 "An alarm was raised, changed, acknowledged, commented, cleared")};
}

std::vector<ops::Operation> Desk::operations() {
  using ops::Role;
  ops::Rows rows("alarms", *this);
  const ops::Subject whose{.family = "family", .node = "node"};
  rows.add("list", {"GET", "/api/alarms"}, Role::viewer, "Current alarms, last raised first",
           &Desk::list, whose);
  rows.add("history", {"GET", "/api/alarms/history"}, Role::viewer,
           "Alarms that are over, last cleared first", &Desk::history, whose);
  rows.add("get", {"GET", "/api/alarms/:id"}, Role::viewer,
           "One alarm, current or past, with its evidence and who did what when", &Desk::get);
  rows.add("acknowledge", {"POST", "/api/alarms/:id/acknowledge"}, Role::operator_,
           "Say that somebody sees to an alarm", &Desk::acknowledge);
  rows.add("clear", {"POST", "/api/alarms/:id/clear"}, Role::operator_,
           "Call an alarm over; it comes back if its condition still holds", &Desk::clear_alarm);
  rows.add("comment", {"POST", "/api/alarms/:id/comments"}, Role::operator_,
           "Add a comment to an alarm", &Desk::comment);
  return rows.take();
}

Task<> Desk::start() {
  CO_TRY(auto alarms, co_await rows_.current());
  for (auto& alarm : alarms) book_.restore(std::move(alarm));
  CO_TRYV(co_await rows_.trim());
  running_.spawn("alarms: saving", run_saving());
  raising_.spawn("alarms: raising what was held", run_raising_held());
  co_return Result<>();
}

asio::awaitable<void> Desk::stop() {
  raising_.cancel();
  co_await raising_.join();
  save_again(repeats_.take_all());
  is_ending_ = true;
  has_work_.cancel();
  co_await running_.join();
}

void Desk::raise(Report report) {
  if (report.subject.scope == Scope::node && !is_seen_here(report.source, report.condition)) {
    auto* known = book_.find(report.subject, report.source, report.condition, report.instance);
    if (known && known->severity == report.severity)
      pace_.drop(report.subject, report.source, report.condition, report.instance);
    else if (!pace_.admits(report, clock_.steady()))
      return held_back(report.subject);
  }
  raise_now(std::move(report));
}

void Desk::raise_held() {
  for (auto& report : pace_.take_due(clock_.steady())) raise_now(std::move(report));
  save_again(repeats_.take_due(clock_.steady()));
}

asio::awaitable<void> Desk::run_raising_held() {
  constexpr int tells_every = 10;
  for (int seconds = 1;; ++seconds) {
    co_await pause(1s);
    raise_held();
    if (seconds % tells_every != 0 || !held_told_) continue;
    auto held = std::exchange(held_back_, {});
    for (auto& subject : pace_.holding())
      if (subject.scope == Scope::node) held.try_emplace(subject.id, subject);
    Turn turn;
    for (auto& [id, subject] : held) {
      if (turn.is_over()) co_await next_turn(turn);
      held_told_(subject);
    }
  }
}

void Desk::held_back(const Subject& subject) {
  if (subject.scope == Scope::node) held_back_.try_emplace(subject.id, subject);
  say_refused();
}

void Desk::raise_now(Report report) {
  auto subject = report.subject;
  bool is_ours = is_seen_here(report.source, report.condition);
  if (auto change = book_.raise(std::move(report), clock_.now(), random_uuid()))
    changed(std::move(*change));
  else if (is_ours)
    say_refused();
  else
    held_back(subject);
}

void Desk::say_refused() {
  auto refused = book_.refused() + pace_.refused();
  if (refused <= refused_said_ || refused < 2 * refused_said_) return;
  refused_said_ = refused;
  log::warn("alarms: one node or family has {} already; {} more were not taken",
            Book::most_per_subject, refused);
}

void Desk::clear(const Subject& subject, Source source, const std::string& condition,
                 const std::string& instance, const std::string& why) {
  pace_.drop(subject, source, condition, instance);
  if (auto change = book_.clear(subject, source, condition, instance, why, clock_.now()))
    changed(std::move(*change));
}

void Desk::clear_all(const Subject& subject, const std::function<bool(const Alarm&)>& choose,
                     const std::string& why) {
  pace_.drop_all(subject, choose);
  for (auto& change : book_.clear_all(subject, choose, why, clock_.now()))
    changed(std::move(change));
}

void Desk::changed(Change change) {
  auto& id = change.alarm.id;
  if (change.action == Action::raised_again && !repeats_.admits(id, clock_.steady())) return;
  if (change.action == Action::cleared) {
    ++cleared_;
    repeats_.drop(id);
  }
  auto& waiting = waiting_[id];
  if (change.action == Action::raised_again) {
    waiting.is_again = true;
  } else {
    if (post_)
      for (auto& letter : post_(change)) {
        letter_bytes_ += letter.body.size();
        waiting.saved.letters.push_back(std::move(letter));
      }
    events_.publish("alarms.alarm", AlarmEvent{change.action, change.alarm});
  }
  waiting.saved.alarm = std::move(change.alarm);
  has_work_.cancel();
}

void Desk::save_again(const std::vector<std::string>& ids) {
  for (auto& id : ids) {
    auto* alarm = book_.find(id);
    if (!alarm) continue;
    auto& waiting = waiting_[id];
    waiting.is_again = true;
    waiting.saved.alarm = *alarm;
  }
  if (!ids.empty()) has_work_.cancel();
}

/// One writer at a time, so that what fails can go back in front of what came meanwhile.
Task<> Desk::save() {
  auto slot = co_await writing_.take();
  if (waiting_.empty()) co_return Result<>();
  std::vector<Saved> batch;
  bool has_letters = false;
  for (auto& [id, waiting] : std::exchange(waiting_, {})) {
    if (waiting.is_again)
      events_.publish("alarms.alarm", AlarmEvent{Action::raised_again, waiting.saved.alarm});
    has_letters = has_letters || !waiting.saved.letters.empty();
    batch.push_back(std::move(waiting.saved));
  }
  auto saved = co_await rows_.save(batch);
  if (!saved) {
    for (auto& old : batch) {
      auto id = old.alarm.id;
      auto [at, is_old] = waiting_.try_emplace(id);
      auto& letters = at->second.saved.letters;
      letters.insert(letters.begin(), old.letters.begin(), old.letters.end());
      if (is_old) at->second.saved.alarm = std::move(old.alarm);
    }
    co_return saved;
  }
  if (has_letters && posted_) posted_();
  co_return saved;
}

asio::awaitable<void> Desk::run_saving() {
  constexpr std::uint64_t cleared_between = 200, bytes_between = std::uint64_t{16} << 20;
  while (!must_end()) {
    if (waiting_.empty()) co_await has_work_.async_wait(asio::as_tuple(asio::use_awaitable));
    auto saved = co_await save();
    if (saved && (cleared_ >= cleared_between || letter_bytes_ >= bytes_between)) {
      cleared_ = letter_bytes_ = 0;
      saved = co_await rows_.trim();
    }
    if (!saved) {
      log::error("alarms cannot be written: {}", saved.error().text());
      if (is_ending_) co_return;
    }
    if (!is_ending_) co_await pause(saved ? 100ms : 3000ms);
  }
}

Result<ops::Page<Alarm>> Desk::current(const Filter& filter, const ops::PageRequest& page) const {
  std::vector<const Alarm*> chosen;
  for (auto& [id, alarm] : book_.all())
    if (filter.takes(alarm)) chosen.push_back(&alarm);
  // By when it began, and not by when it was last raised, which changes while somebody turns pages.
  std::sort(chosen.begin(), chosen.end(), [](const Alarm* a, const Alarm* b) {
    return std::tie(a->event_time, a->id) > std::tie(b->event_time, b->id);
  });
  ops::Page<Alarm> found;
  auto key = [](const Alarm& alarm) {
    return fmt::format("{:016}.{}", alarm.event_time.time_since_epoch().count(), alarm.id);
  };
  for (auto* alarm : chosen) {
    if (page.after && key(*alarm) >= *page.after) continue;
    if (found.items.size() == page.count()) {
      found.next = key(found.items.back());
      break;
    }
    found.items.push_back(*alarm);
  }
  return found;
}

Task<ops::Page<Alarm>> Desk::list(ListAlarms request, Caller caller) {
  auto filter = filter_of(request);
  if (filter.state != State::cleared) co_return current(filter, request);
  auto held = co_await reading_.take(caller.name);
  co_return co_await rows_.past(std::move(filter), std::move(request));
}

Task<ops::Page<Alarm>> Desk::history(PastAlarms request, Caller caller) {
  auto filter = filter_of(request);
  auto held = co_await reading_.take(caller.name);
  co_return co_await rows_.past(std::move(filter), std::move(request));
}

Task<Alarm> Desk::get(AlarmById request, Caller caller) {
  if (auto* alarm = book_.find(request.id)) co_return *alarm;
  CO_TRYV(co_await save());
  auto held = co_await reading_.take(caller.name);
  co_return co_await rows_.get(std::move(request.id));
}

Task<Alarm> Desk::acknowledge(ActOnAlarm request, Caller caller) {
  CO_TRYV(check_text(request.comment, "/comment"));
  if (auto* known = book_.find(request.id); known && known->state == State::acknowledged)
    co_return *known;
  CO_TRY(auto change,
         book_.acknowledge(request.id, caller.name, clock_.now(), std::move(request.comment)));
  auto alarm = change.alarm;
  changed(std::move(change));
  CO_TRYV(co_await save());
  co_return alarm;
}

Task<Alarm> Desk::clear_alarm(ActOnAlarm request, Caller caller) {
  CO_TRYV(check_text(request.comment, "/comment"));
  CO_TRY(auto change,
         book_.clear_by_hand(request.id, caller.name, clock_.now(), std::move(request.comment)));
  auto alarm = change.alarm;
  changed(std::move(change));
  if (by_hand_) by_hand_(alarm);
  CO_TRYV(co_await save());
  co_return alarm;
}

Task<Alarm> Desk::comment(CommentOnAlarm request, Caller caller) {
  CO_TRYV(check_text(request.text, "/text"));
  if (request.text.empty()) co_return Error(Errc::bad_request, "some text wanted", "/text");
  CO_TRY(auto change,
         book_.comment(request.id, caller.name, clock_.now(), std::move(request.text)));
  auto alarm = change.alarm;
  changed(std::move(change));
  CO_TRYV(co_await save());
  co_return alarm;
}

}  // namespace muster::alarms
