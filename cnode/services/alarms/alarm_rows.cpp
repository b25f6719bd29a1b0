#include "services/alarms/alarm_rows.h"

#include <boost/describe/enum_to_string.hpp>

#include "base/log.h"

namespace muster::alarms {

using store::Connection;
using store::Statement;

namespace {

namespace json = boost::json;

constexpr auto trim_past =
    "DELETE FROM alarms WHERE id IN (SELECT id FROM alarms WHERE cleared_at IS NOT NULL"
    " ORDER BY cleared_at DESC, id DESC LIMIT -1 OFFSET 50000)";
// One node does not take the place of the others.
constexpr auto trim_past_of_nodes =
    "DELETE FROM alarms WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER"
    " (PARTITION BY node_id ORDER BY cleared_at DESC, id DESC) AS place FROM alarms"
    " WHERE cleared_at IS NOT NULL AND node_id IS NOT NULL) WHERE place > 2000)";
constexpr std::int64_t most_letters = 100'000, most_bytes = std::int64_t{128} << 20;  // a webhook
constexpr auto full_webhooks =
    "SELECT webhook_id FROM alarm_outbox GROUP BY webhook_id"
    " HAVING count(*) > ? OR sum(bytes) > ?";
// `depth`: what waits of the same subject from this letter on.
constexpr auto drop_of_webhook =
    "DELETE FROM alarm_outbox WHERE number IN (SELECT number FROM (SELECT number,"
    " row_number() OVER shallow AS place, sum(bytes) OVER shallow AS filled FROM"
    " (SELECT number, bytes, sum(bytes) OVER (PARTITION BY subject ORDER BY number DESC) AS depth"
    " FROM alarm_outbox WHERE webhook_id = ?)"
    " WINDOW shallow AS (ORDER BY depth, number DESC))"
    " WHERE place > ? OR filled > ?)";

Result<Alarm> parse(const std::string& document) {
  boost::system::error_code ec;
  auto value = json::parse(document, ec);
  if (ec) return Error(Errc::internal, "an alarm's row is damaged: " + ec.message());
  return ops::read<Alarm>(ops::Input(value));
}

std::string joined(const std::vector<std::string>& tags) {
  std::string text = ",";
  for (auto& tag : tags) text += tag + ",";
  return text;
}

Result<> write(Connection& db, const Saved& saved) {
  auto& alarm = saved.alarm;
  Statement s(db,
              "INSERT OR REPLACE INTO alarms (id, condition, node_id, node_name, family_id, family,"
              " source, severity, state, tags, cleared_at, document)"
              " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
  s.bind(alarm.id).bind(alarm.condition).bind(alarm.node_id);
  if (alarm.node) {
    s.bind(alarm.node->text);
  } else {
    s.bind(std::nullopt);
  }
  s.bind(alarm.family_id).bind(alarm.family);
  s.bind(boost::describe::enum_to_string(alarm.source, ""));
  s.bind(static_cast<int>(alarm.severity));
  s.bind(alarm.state == State::new_ ? "new" : boost::describe::enum_to_string(alarm.state, ""));
  s.bind(joined(alarm.tags)).bind(alarm.cleared_at);
  TRYV(s.bind(json::serialize(ops::to_json(alarm))).run());
  for (auto& letter : saved.letters) {
    Statement post(db,
                   "INSERT INTO alarm_outbox (webhook_id, body, subject, bytes)"
                   " SELECT id, ?2, ?3, length(CAST(?2 AS BLOB)) FROM alarm_webhooks"
                   " WHERE id = ?1");
    post.bind(letter.webhook_id).bind(letter.body);
    TRYV(post.bind(alarm.node_id.value_or(alarm.family_id.value_or(""))).run());
  }
  return {};
}

/// The oldest of those of whom most waits.
Result<> drop_letters(Connection& db) {
  std::vector<std::string> full;
  Statement find(db, full_webhooks);
  find.bind(most_letters).bind(most_bytes);
  while (find.step()) full.push_back(find.text(0));
  TRYV(find.result());
  for (auto& webhook : full) {
    Statement drop(db, drop_of_webhook);
    TRYV(drop.bind(webhook).bind(most_letters).bind(most_bytes).run());
    const std::int64_t dropped = db.changes();
    log::warn("alarms: too much waits for the webhook {}: its {} oldest letters were dropped",
              webhook, dropped);
    Statement note(db, "UPDATE alarm_webhooks SET dropped = dropped + ? WHERE id = ?");
    TRYV(note.bind(dropped).bind(webhook).run());
  }
  return {};
}

}  // namespace

std::vector<std::string> split_tags(const std::string& text) {
  std::vector<std::string> tags;
  std::size_t from = 0;
  while (from <= text.size()) {
    auto to = std::min(text.find(',', from), text.size());
    auto tag = text.substr(from, to - from);
    while (tag.starts_with(' ')) tag.erase(0, 1);
    while (tag.ends_with(' ')) tag.pop_back();
    if (!tag.empty()) tags.push_back(std::move(tag));
    from = to + 1;
  }
  return tags;
}

bool Filter::takes(const Alarm& alarm) const {
  if (state && alarm.state != *state) return false;
  if (severity && alarm.severity < *severity) return false;
  if (source && alarm.source != *source) return false;
  if (condition && alarm.condition != *condition) return false;
  if (node && alarm.node_id != *node && (!alarm.node || alarm.node->text != *node)) return false;
  if (family && alarm.family_id != *family && alarm.family != *family) return false;
  return std::all_of(tags.begin(), tags.end(), [&](const std::string& tag) {
    return std::find(alarm.tags.begin(), alarm.tags.end(), tag) != alarm.tags.end();
  });
}

Task<std::vector<Alarm>> AlarmRows::current() {
  auto job = [](Connection& db) -> Result<std::vector<Alarm>> {
    Statement s(db, "SELECT document FROM alarms WHERE cleared_at IS NULL");
    std::vector<Alarm> alarms;
    while (s.step()) {
      auto alarm = parse(s.text(0));
      if (alarm)
        alarms.push_back(std::move(*alarm));
      else
        log::error("alarms: {}", alarm.error().text());  // it costs itself only
    }
    TRYV(s.result());
    return alarms;
  };
  co_return co_await database_.read(job);
}

Task<> AlarmRows::save(const std::vector<Saved>& batch) {
  auto job = [&](Connection& db) -> Result<> {
    for (auto& saved : batch) TRYV(write(db, saved));
    return {};
  };
  co_return co_await database_.write(job);
}

Task<> AlarmRows::trim() {
  auto job = [](Connection& db) -> Result<> {
    TRYV(Statement(db, trim_past_of_nodes).run());
    TRYV(Statement(db, trim_past).run());
    return drop_letters(db);
  };
  co_return co_await database_.write(job);
}

Task<Alarm> AlarmRows::get(std::string id) {
  auto job = [&](Connection& db) -> Result<Alarm> {
    Statement s(db, "SELECT document FROM alarms WHERE id = ?");
    if (s.bind(id).step()) return parse(s.text(0));
    TRYV(s.result());
    return Error(Errc::not_found, "no alarm '" + id + "'");
  };
  co_return co_await database_.read(job);
}

Task<ops::Page<Alarm>> AlarmRows::past(Filter filter, ops::PageRequest page) {
  constexpr std::size_t most_tags = 20;  // of a rule, and so of an alarm
  std::sort(filter.tags.begin(), filter.tags.end());
  filter.tags.erase(std::unique(filter.tags.begin(), filter.tags.end()), filter.tags.end());
  if (filter.tags.size() > most_tags) co_return ops::Page<Alarm>();
  auto job = [&](Connection& db) -> Result<ops::Page<Alarm>> {
    std::string sql =
        "SELECT document FROM alarms WHERE cleared_at IS NOT NULL"
        " AND (?1 IS NULL OR (cleared_at, id) < (SELECT cleared_at, id FROM alarms WHERE id = ?1))"
        " AND (?2 IS NULL OR severity >= ?2) AND (?3 IS NULL OR source = ?3)"
        " AND (?4 IS NULL OR node_id = ?4 OR node_name = ?4)"
        " AND (?5 IS NULL OR family_id = ?5 OR family = ?5) AND (?6 IS NULL OR condition = ?6)";
    for (std::size_t i = 0; i < filter.tags.size(); ++i) sql += " AND instr(tags, ',' || ? || ',')";
    sql += " ORDER BY cleared_at DESC, id DESC LIMIT ?";
    Statement s(db, sql);
    s.bind(page.after);
    if (filter.severity) {
      s.bind(static_cast<int>(*filter.severity));
    } else {
      s.bind(std::nullopt);
    }
    if (filter.source) {
      s.bind(boost::describe::enum_to_string(*filter.source, ""));
    } else {
      s.bind(std::nullopt);
    }
    s.bind(filter.node).bind(filter.family).bind(filter.condition);
    for (auto& tag : filter.tags) s.bind(tag);
    s.bind(static_cast<std::int64_t>(page.count() + 1));
    ops::Page<Alarm> found;
    while (s.step()) {
      if (found.items.size() == page.count()) {
        found.next = found.items.back().id;
        break;
      }
      TRY(auto alarm, parse(s.text(0)));
      found.items.push_back(std::move(alarm));
    }
    TRYV(s.result());
    return found;
  };
  co_return co_await database_.read(job);
}

}  // namespace muster::alarms
