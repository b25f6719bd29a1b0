#include "services/access/audit_rows.h"

#include <boost/describe/enum_from_string.hpp>
#include <charconv>

namespace muster::access {

using store::Connection;
using store::Statement;

namespace {

template <class E>
std::string text_of(E value) {
  return ops::to_json(value).as_string().c_str();
}

template <class E>
E value_of(const std::string& text) {
  E value{};
  if (!boost::describe::enum_from_string(text.c_str(), value))
    boost::describe::enum_from_string((text + "_").c_str(), value);
  return value;
}

Result<> put_one(Connection& db, const AuditEntry& entry) {
  Statement s(db,
              "INSERT INTO audit (id, at, last_at, count, caller, role, origin, operation, about,"
              " outcome, code) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
              " ON CONFLICT (id) DO UPDATE SET last_at = excluded.last_at, count = excluded.count");
  s.bind(entry.id).bind(entry.at).bind(entry.last_at).bind(static_cast<std::int64_t>(entry.count));
  s.bind(entry.caller).bind(text_of(entry.role)).bind(entry.from).bind(entry.operation);
  return s.bind(entry.about).bind(text_of(entry.outcome)).bind(entry.code.value_or("")).run();
}

Result<std::int64_t> last_id_in(Connection& db) {
  Statement s(db, "SELECT coalesce(max(id), 0) FROM audit");
  auto last = s.step() ? s.integer(0) : 0;
  TRYV(s.result());
  return last;
}

Result<> trim(Connection& db, std::int64_t bound) {
  Statement count(db, "SELECT count(*) FROM audit");
  auto all = count.step() ? count.integer(0) : 0;
  TRYV(count.result());
  while (all > bound) {
    auto excess = all - bound + bound / 100;  // a little more, so that not every write does this
    Statement greediest(
        db, "SELECT caller, count(*) FROM audit GROUP BY caller ORDER BY 2 DESC LIMIT 1");
    if (!greediest.step()) return greediest.result();
    auto caller = greediest.text(0);
    Statement s(db,
                "DELETE FROM audit WHERE id IN"
                " (SELECT id FROM audit WHERE caller = ? ORDER BY id LIMIT ?)");
    // Not below what would make another the greediest for long: half of what it has at most.
    auto most = std::max<std::int64_t>(1, greediest.integer(1) / 2);
    TRYV(s.bind(caller).bind(std::min(excess, most)).run());
    all -= db.changes();
  }
  return {};
}

AuditEntry entry_of(const Statement& s) {
  AuditEntry entry;
  entry.id = s.integer(0);
  entry.at = s.time(1);
  entry.last_at = s.time(2);
  entry.count = static_cast<std::uint64_t>(s.integer(3));
  entry.caller = s.text(4);
  entry.role = value_of<ops::Role>(s.text(5));
  entry.from = s.text(6);
  entry.operation = s.text(7);
  entry.about = s.text(8);
  entry.outcome = value_of<ops::Outcome>(s.text(9));
  if (auto code = s.text(10); !code.empty()) entry.code = std::move(code);
  return entry;
}

}  // namespace

Task<std::int64_t> AuditRows::last_id() {
  co_return co_await database_.read(last_id_in);
}

Task<> AuditRows::put(std::vector<AuditEntry> entries) {
  auto job = [&](Connection& db) -> Result<> {
    for (auto& entry : entries) TRYV(put_one(db, entry));
    return trim(db, static_cast<std::int64_t>(bound_));
  };
  co_return co_await database_.write(job);
}

Task<ops::Page<AuditEntry>> AuditRows::find(AskAudit request) {
  std::optional<std::int64_t> before;
  if (request.after) {
    auto end = request.after->data() + request.after->size();
    std::int64_t id = 0;
    auto [at, ec] = std::from_chars(request.after->data(), end, id);
    if (ec != std::errc() || at != end)
      co_return Error(Errc::bad_request, "must be `next` of the page before", "/after");
    before = id;
  }
  auto job = [&](Connection& db) -> Result<ops::Page<AuditEntry>> {
    Statement s(db,
                "SELECT id, at, last_at, count, caller, role, origin, operation, about, outcome,"
                " code FROM audit WHERE (?1 IS NULL OR id < ?1) AND (?2 IS NULL OR caller = ?2)"
                " AND (?3 IS NULL OR origin = ?3)"
                " AND (?4 IS NULL OR operation = ?4 OR substr(operation, 1, length(?4) + 1) ="
                " ?4 || '.') AND (?5 IS NULL OR instr(about, ?5) > 0)"
                " AND (?6 IS NULL OR outcome = ?6) AND (?7 IS NULL OR last_at >= ?7)"
                " AND (?8 IS NULL OR at < ?8) ORDER BY id DESC LIMIT ?9");
    s.bind(before).bind(request.caller).bind(request.from).bind(request.operation);
    s.bind(request.about);
    s.bind(request.outcome ? std::optional(text_of(*request.outcome)) : std::nullopt);
    s.bind(request.since).bind(request.until);
    s.bind(static_cast<std::int64_t>(request.count() + 1));
    ops::Page<AuditEntry> page;
    while (s.step()) {
      if (page.items.size() == request.count()) {
        page.next = std::to_string(page.items.back().id);
        break;
      }
      page.items.push_back(entry_of(s));
    }
    TRYV(s.result());
    return page;
  };
  co_return co_await database_.read(job);
}

Result<> put_offline(Connection& db, std::string operation, Timestamp now) {
  AuditEntry entry;
  TRY(auto last, last_id_in(db));
  entry.id = last + 1;
  entry.at = entry.last_at = now;
  entry.caller = "daemon";
  entry.role = ops::Role::admin;
  entry.operation = std::move(operation);
  return put_one(db, entry);
}

}  // namespace muster::access
