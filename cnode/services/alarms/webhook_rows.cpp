#include "services/alarms/webhook_rows.h"

#include <boost/url.hpp>

namespace muster::alarms {

using store::Connection;
using store::Statement;

namespace {

constexpr auto select =
    "SELECT id, url, severity, added_at, sent, dropped, secret,"
    " (SELECT count(*) FROM alarm_outbox WHERE webhook_id = w.id)"
    " FROM alarm_webhooks w ORDER BY added_at, id";

std::string host_of(const std::string& url) {
  auto parsed = boost::urls::parse_uri(url);
  return parsed ? std::string(parsed->host()) : std::string();
}

WebhookView view_of(const Statement& s) {
  WebhookView view;
  view.id = s.text(0);
  view.url = s.text(1);
  view.host = host_of(*view.url);
  view.severity = static_cast<Severity>(s.integer(2));
  view.added_at = s.time(3);
  view.sent = static_cast<std::uint64_t>(s.integer(4));
  view.dropped = static_cast<std::uint64_t>(s.integer(5));
  view.waiting = static_cast<std::uint64_t>(s.integer(7));
  return view;
}

}  // namespace

Task<std::vector<WebhookRow>> WebhookRows::all() {
  auto job = [&](Connection& db) -> Result<std::vector<WebhookRow>> {
    Statement s(db, select);
    std::vector<WebhookRow> rows;
    while (s.step()) {
      WebhookRow row;
      row.view = view_of(s);
      TRY(row.secret, cipher_.open(s.blob(6), owner(row.view.id)));
      rows.push_back(std::move(row));
    }
    TRYV(s.result());
    return rows;
  };
  co_return co_await database_.read(job);
}

Task<std::vector<WebhookView>> WebhookRows::views() {
  auto job = [](Connection& db) -> Result<std::vector<WebhookView>> {
    Statement s(db, select);
    std::vector<WebhookView> views;
    while (s.step()) views.push_back(view_of(s));
    TRYV(s.result());
    return views;
  };
  co_return co_await database_.read(job);
}

Task<> WebhookRows::insert(const WebhookRow& row) {
  auto sealed = cipher_.seal(row.secret, owner(row.view.id));
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db,
                "INSERT INTO alarm_webhooks (id, url, secret, severity, added_at)"
                " VALUES (?, ?, ?, ?, ?)");
    s.bind(row.view.id).bind(row.view.url).bind_blob(sealed);
    return s.bind(static_cast<int>(row.view.severity)).bind(row.view.added_at).run();
  };
  co_return co_await database_.write(job);
}

Task<> WebhookRows::remove(std::string id) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db, "DELETE FROM alarm_webhooks WHERE id = ?");
    TRYV(s.bind(id).run());
    if (db.changes() == 0) return Error(Errc::not_found, "no webhook '" + id + "'", "/id");
    return {};
  };
  co_return co_await database_.write(job);
}

Task<std::vector<Letter>> WebhookRows::waiting(std::string webhook) {
  auto job = [&](Connection& db) -> Result<std::vector<Letter>> {
    Statement s(db,
                "SELECT number, body FROM alarm_outbox JOIN"
                " (SELECT number AS next, row_number() OVER"
                " (PARTITION BY subject ORDER BY number) AS turn"
                " FROM alarm_outbox WHERE webhook_id = ? ORDER BY turn, next LIMIT 50)"
                " ON number = next ORDER BY turn, number");
    s.bind(webhook);
    std::vector<Letter> letters;
    while (s.step()) letters.push_back({s.integer(0), s.text(1)});
    TRYV(s.result());
    return letters;
  };
  co_return co_await database_.read(job);
}

Task<> WebhookRows::done(std::string webhook, std::int64_t number, bool was_sent) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db, "DELETE FROM alarm_outbox WHERE number = ?");
    TRYV(s.bind(number).run());
    Statement count(db, was_sent ? "UPDATE alarm_webhooks SET sent = sent + 1 WHERE id = ?"
                                 : "UPDATE alarm_webhooks SET dropped = dropped + 1 WHERE id = ?");
    return count.bind(webhook).run();
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::alarms
