#include "services/alarms/webhooks.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/url.hpp>

#include "base/backoff.h"
#include "base/log.h"
#include "base/offload.h"
#include "base/random.h"
#include "base/timeout.h"
#include "ops/rows.h"
#include "services/alarms/forbidden_address.h"
#include "services/alarms/http_post.h"
#include "services/alarms/refusals.h"

namespace muster::alarms {

using namespace std::chrono_literals;
using ops::Caller;

namespace {

constexpr std::size_t most_hooks = 20, shortest_secret = 16, longest_url = 2048;

Result<> check_url(const std::string& text) {
  auto url = boost::urls::parse_uri(text);
  if (!url || text.size() > longest_url || (url->scheme() != "http" && url->scheme() != "https") ||
      url->host().empty())
    return Error(Errc::bad_request, "an http or https URL wanted", "/url");
  if (url->has_userinfo())
    return Error(Errc::bad_request, "no user or password in it: it is shown", "/url");
  auto address = address_of_host(std::string(url->host_address()));
  if (address && is_forbidden_address(*address))
    return Error(Errc::bad_request,
                 address->to_string() +
                     " is link-local, or a cloud's metadata service: a webhook "
                     "does not go there",
                 "/url");
  return {};
}

}  // namespace

Webhooks::Webhooks(asio::any_io_executor executor, store::Database& database,
                   const store::Cipher& cipher, Desk& desk, const Clock& clock)
    : rows_(database, cipher), desk_(desk), clock_(clock), running_(std::move(executor)) {
  desk_.on_change([this](const Change& change) { return letters_for(change); });
  desk_.on_posted([this] {
    for (auto& [id, hook] : hooks_) {
      hook->has_news = true;
      hook->has_work.cancel();
    }
  });
}

std::vector<ops::Operation> Webhooks::operations() {
  using ops::Role;
  ops::Rows rows("alarms", *this);
  rows.add("add_webhook", {"POST", "/api/alarms/webhooks", {}, 201}, Role::admin,
           "Send every alarm to a URL, with a signed body", &Webhooks::add);
  rows.add("list_webhooks", {"GET", "/api/alarms/webhooks"}, Role::viewer,
           "Who is sent alarms, and how many wait", &Webhooks::list);
  rows.add("remove_webhook", {"DELETE", "/api/alarms/webhooks/:id"}, Role::admin,
           "Send no more; what waits is dropped", &Webhooks::remove);
  return rows.take();
}

Task<> Webhooks::start() {
  CO_TRY(auto rows, co_await rows_.all());
  for (auto& row : rows) keep(std::move(row));
  co_return Result<>();
}

asio::awaitable<void> Webhooks::stop() {
  is_ending_ = true;
  running_.cancel();
  co_await running_.join();
  threads_.join();
}

void Webhooks::keep(WebhookRow row) {
  auto hook = std::make_shared<Hook>(running_.executor(), std::move(row));
  hooks_[hook->row.view.id] = hook;
  hook->cancel = running_.spawn("webhook of " + hook->row.view.host, run(hook));
}

std::vector<Saved::Letter> Webhooks::letters_for(const Change& change) const {
  std::vector<Saved::Letter> letters;
  if (change.action == Action::raised_again || change.action == Action::commented) return letters;
  std::string body;
  for (auto& [id, hook] : hooks_) {
    if (change.alarm.severity < hook->row.view.severity) continue;
    if (body.empty()) {
      WebhookBody what{change.action, clock_.now(), change.alarm};
      body = ops::json::serialize(ops::to_json(what));
    }
    letters.push_back({id, body});
  }
  return letters;
}

asio::awaitable<void> Webhooks::run(std::shared_ptr<Hook> hook) {
  Backoff backoff(1s, 300s);
  auto id = hook->row.view.id;
  for (;;) {
    hook->has_news = false;
    auto letters = co_await rows_.waiting(id);
    if (letters && letters->empty()) {
      if (!hook->has_news) co_await hook->has_work.async_wait(asio::as_tuple(asio::use_awaitable));
      continue;
    }
    bool all_done = letters.has_value();
    if (letters) {
      for (auto& letter : *letters) {
        auto done = co_await deliver(*hook, letter);
        all_done = done && *done;
        if (!all_done) break;
        backoff.reset();
      }
    }
    if (all_done) continue;
    co_await pause(backoff.next(random_u32()));
  }
}

/// False: to be tried again.
Task<bool> Webhooks::deliver(Hook& hook, const Letter& letter) {
  auto& row = hook.row;
  if (row.secret.empty()) {  // anybody could sign with that
    hook.last_error = "its secret was forgotten: remove the webhook and add it again";
    co_return false;
  }
  std::vector<std::string> headers{"Content-Type: application/json", "User-Agent: muster",
                                   "Muster-Delivery: " + std::to_string(letter.number),
                                   "Muster-Signature: " + signature(row.secret, letter.body)};
  auto job = [&]() -> Result<int> {
    return http_post(*row.view.url, headers, letter.body, is_ending_);
  };
  auto status = co_await offload(threads_, job);
  if (status && *status >= 200 && *status < 300) {
    hook.last_error.clear();
    CO_TRYV(co_await rows_.done(row.view.id, letter.number, true));
    co_return true;
  }
  bool is_unwanted = status && is_refusal(*status);
  auto said = status ? fmt::format("HTTP {}", *status) : status.error().text();
  if (is_unwanted) said += ": refused, so that it is dropped";
  if (hook.last_error != said) log::warn("webhook of {}: {}", row.view.host, said);
  hook.last_error = said;
  if (!is_unwanted) co_return false;
  CO_TRYV(co_await rows_.done(row.view.id, letter.number, false));
  co_return true;
}

Task<WebhookView> Webhooks::add(AddWebhook request, Caller) {
  CO_TRYV(check_url(request.url));
  if (request.secret.reveal().size() < shortest_secret)
    co_return Error(Errc::bad_request, fmt::format("at least {} bytes", shortest_secret),
                    "/secret");
  if (hooks_.size() >= most_hooks)
    co_return Error(Errc::quota, fmt::format("{} webhooks are enough", most_hooks));
  WebhookRow row;
  row.view.id = random_uuid();
  row.view.host = boost::urls::parse_uri(request.url)->host();
  row.view.url = std::move(request.url);
  row.view.severity = request.severity.value_or(Severity::indeterminate);
  row.view.added_at = clock_.now();
  row.secret = std::move(request.secret);
  CO_TRYV(co_await rows_.insert(row));
  auto view = row.view;
  keep(std::move(row));
  co_return view;
}

Task<ops::Page<WebhookView>> Webhooks::list(ops::PageRequest request, Caller caller) {
  CO_TRY(auto views, co_await rows_.views());
  for (auto& view : views) {
    if (caller.role < ops::Role::admin) {
      view.url.reset();
      continue;
    }
    auto hook = hooks_.find(view.id);
    if (hook != hooks_.end() && !hook->second->last_error.empty())
      view.last_error = hook->second->last_error;
  }
  std::sort(views.begin(), views.end(),
            [](const WebhookView& a, const WebhookView& b) { return a.id < b.id; });
  co_return ops::page_of(views, request, [](const WebhookView& view) { return view.id; });
}

Task<ops::Empty> Webhooks::remove(WebhookById request, Caller) {
  auto hook = hooks_.find(request.id);
  if (hook != hooks_.end()) {
    auto cancel = hook->second->cancel;
    hooks_.erase(hook);
    cancel();
  }
  CO_TRYV(co_await rows_.remove(request.id));
  co_return ops::Empty{};
}

}  // namespace muster::alarms
