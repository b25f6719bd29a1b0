#pragma once

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>

#include "base/task_group.h"
#include "ops/operation.h"
#include "services/alarms/desk.h"
#include "services/alarms/webhook_rows.h"

namespace muster::alarms {

/// Tells others of alarms by HTTP. What is to be sent is written with the alarm itself, and goes
/// only when the receiver has answered 2xx: so nothing is lost while it is away or the daemon
/// restarts, though it may come twice (header Muster-Delivery tells). Each webhook is sent its
/// letters one at a time, those of one node in order, nodes in turns; a receiver that does not
/// answer is tried again after 1 s growing to 5 min, without end; a letter that it refuses
/// (is_refusal) is dropped and counted, and the next one goes at once. Made by app; lives on the
/// loop, posts on threads of its own.
class Webhooks {
 public:
  Webhooks(asio::any_io_executor executor, store::Database& database, const store::Cipher& cipher,
           Desk& desk, const Clock& clock);

  std::vector<ops::Operation> operations();
  Task<> start();
  asio::awaitable<void> stop();

 private:
  struct Hook {
    WebhookRow row;
    asio::steady_timer has_work;
    bool has_news = false;  ///< something was written for it since it last looked
    std::string last_error;
    TaskGroup::Cancel cancel;
    Hook(const asio::any_io_executor& executor, WebhookRow given)
        : row(std::move(given)), has_work(executor, asio::steady_timer::time_point::max()) {}
  };
  Task<WebhookView> add(AddWebhook request, ops::Caller caller);
  Task<ops::Page<WebhookView>> list(ops::PageRequest request, ops::Caller caller);
  Task<ops::Empty> remove(WebhookById request, ops::Caller caller);

  void keep(WebhookRow row);
  std::vector<Saved::Letter> letters_for(const Change& change) const;
  asio::awaitable<void> run(std::shared_ptr<Hook> hook);
  Task<bool> deliver(Hook& hook, const Letter& letter);

  WebhookRows rows_;
  Desk& desk_;
  const Clock& clock_;
  std::map<std::string, std::shared_ptr<Hook>> hooks_;
  std::atomic<bool> is_ending_ = false;
  asio::thread_pool threads_{4};
  TaskGroup running_;
};

}  // namespace muster::alarms
