#pragma once

#include <boost/asio/steady_timer.hpp>

#include "base/slots.h"
#include "base/task_group.h"
#include "ops/events.h"
#include "ops/operation.h"
#include "services/alarms/alarm_rows.h"
#include "services/alarms/book.h"
#include "services/alarms/pace.h"
#include "services/alarms/repeats.h"

namespace muster::alarms {

/// Where alarms are kept and seen to: the Book in memory, its rows, the operations by which people
/// look at alarms and act on them, and the event alarms.alarm. A new alarm, a change of severity
/// and everything people do is said at once and written within 100 ms (before the answer, where
/// somebody waits for one); that an alarm was raised once more is said and written every 10 s at
/// most, with the newest evidence, however fast it comes. Made by app; lives on the loop. When the
/// database fails, what is to be written waits and is tried again; nothing that was answered is
/// lost.
class Desk {
 public:
  Desk(asio::any_io_executor executor, store::Database& database, ops::EventBus& events,
       const Clock& clock);

  std::vector<ops::Operation> operations();
  static std::vector<ops::Topic> topics();

  Task<> start();
  /// Writes what waits, then ends.
  asio::awaitable<void> stop();

  /// At once, or at the Pace of the node.
  void raise(Report report);
  /// Raises what was held and is due, and says what was raised again; it does so itself every
  /// second.
  void raise_held();
  void clear(const Subject& subject, Source source, const std::string& condition,
             const std::string& instance, const std::string& why);
  void clear_all(const Subject& subject, const std::function<bool(const Alarm&)>& choose,
                 const std::string& why);
  const Book& book() const { return book_; }

  /// Which webhooks are to be told of a change, with what.
  using Post = std::function<std::vector<Saved::Letter>(const Change&)>;
  void on_change(Post post) { post_ = std::move(post); }
  /// Letters have been written.
  void on_posted(std::function<void()> told) { posted_ = std::move(told); }
  /// Every 10 s: alarms of this node are held, or were refused since, for it had too many.
  void on_held_back(std::function<void(const Subject&)> told) { held_told_ = std::move(told); }
  /// Somebody cleared an alarm by hand: who raised it may raise it again.
  void on_cleared_by_hand(std::function<void(const Alarm&)> told) { by_hand_ = std::move(told); }

 private:
  Result<ops::Page<Alarm>> current(const Filter& filter, const ops::PageRequest& page) const;
  Task<ops::Page<Alarm>> list(ListAlarms request, ops::Caller caller);
  Task<ops::Page<Alarm>> history(PastAlarms request, ops::Caller caller);
  Task<Alarm> get(AlarmById request, ops::Caller caller);
  Task<Alarm> acknowledge(ActOnAlarm request, ops::Caller caller);
  Task<Alarm> clear_alarm(ActOnAlarm request, ops::Caller caller);
  Task<Alarm> comment(CommentOnAlarm request, ops::Caller caller);

  void raise_now(Report report);
  void held_back(const Subject& subject);
  void say_refused();
  asio::awaitable<void> run_raising_held();
  void changed(Change change);
  void save_again(const std::vector<std::string>& ids);
  Task<> save();
  asio::awaitable<void> run_saving();
  bool must_end() const { return is_ending_ && waiting_.empty(); }

  /// What is to be written of one alarm, and whether "raised again" is still to be said.
  struct Waiting {
    Saved saved;
    bool is_again = false;
  };
  AlarmRows rows_;
  Book book_;
  Pace pace_;
  Repeats repeats_;
  ops::EventBus& events_;
  const Clock& clock_;
  Post post_;
  std::function<void()> posted_;
  std::function<void(const Alarm&)> by_hand_;
  std::map<std::string, Waiting> waiting_;  ///< by id
  Slots writing_{1};
  Slots reading_{2};  ///< alarms that are over, from the database
  asio::steady_timer has_work_;
  bool is_ending_ = false;
  std::uint64_t cleared_ = 0, letter_bytes_ = 0;  ///< since they were trimmed
  std::uint64_t refused_said_ = 0;
  std::map<std::string, Subject>
      held_back_;  ///< by id: of whom alarms were, since it was told last
  std::function<void(const Subject&)> held_told_;
  TaskGroup running_, raising_;
};

}  // namespace muster::alarms
