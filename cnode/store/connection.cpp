#include "store/connection.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace muster::store {

Error sqlite_error(sqlite3* db, int code, std::string_view doing) {
  auto text =
      fmt::format("database: {}: {}", doing, db ? sqlite3_errmsg(db) : sqlite3_errstr(code));
  switch (code & 0xff) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return Error(Errc::unavailable, std::move(text));
    case SQLITE_CONSTRAINT:
      return Error(Errc::conflict, std::move(text));
    case SQLITE_TOOBIG:
      return Error(Errc::too_large, std::move(text));
  }
  return Error(Errc::internal, std::move(text));
}

Statement::Statement(Connection& connection, std::string_view sql)
    : connection_(connection), statement_(connection.take(sql)) {
  if (statement_) return;
  sqlite3_stmt* statement = nullptr;
  note(sqlite3_prepare_v2(connection.handle(), sql.data(), static_cast<int>(sql.size()), &statement,
                          nullptr));
  statement_.reset(statement);
}

Statement::~Statement() {
  if (statement_ && !error_) connection_.keep(std::move(statement_));
}

void Statement::note(int code) {
  if (code == SQLITE_OK || error_) return;
  auto* sql = statement_ ? sqlite3_sql(statement_.get()) : nullptr;
  error_ = sqlite_error(connection_.handle(), code, sql ? sql : "prepare");
}

Statement& Statement::bind(std::string_view text) {
  if (!error_)
    note(sqlite3_bind_text64(statement_.get(), next_++, text.data() ? text.data() : "", text.size(),
                             SQLITE_TRANSIENT, SQLITE_UTF8));
  return *this;
}

Statement& Statement::bind(std::int64_t value) {
  if (!error_) note(sqlite3_bind_int64(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::bind(double value) {
  if (!error_) note(sqlite3_bind_double(statement_.get(), next_++, value));
  return *this;
}

Statement& Statement::bind(std::nullopt_t) {
  if (!error_) note(sqlite3_bind_null(statement_.get(), next_++));
  return *this;
}

Statement& Statement::bind_blob(std::string_view bytes) {
  if (!error_)
    note(sqlite3_bind_blob64(statement_.get(), next_++, bytes.data() ? bytes.data() : "",
                             bytes.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  if (error_) return false;
  int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code != SQLITE_DONE) note(code);
  return false;
}

Result<> Statement::run() {
  while (step()) {
  }
  return result();
}

void Statement::reset() {
  if (statement_) sqlite3_reset(statement_.get());
  next_ = 1;
}

Result<> Statement::result() const {
  if (error_) return *error_;
  return {};
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::string Statement::text(int column) const {
  auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes ? std::string(bytes, size) : std::string();
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

double Statement::real(int column) const {
  return sqlite3_column_double(statement_.get(), column);
}

Timestamp Statement::time(int column) const {
  return Timestamp(std::chrono::milliseconds(integer(column)));
}

std::optional<std::string> Statement::text_or_null(int column) const {
  if (is_null(column)) return std::nullopt;
  return text(column);
}

std::optional<std::int64_t> Statement::integer_or_null(int column) const {
  if (is_null(column)) return std::nullopt;
  return integer(column);
}

Result<Connection> Connection::open(const std::string& file) {
  sqlite3* db = nullptr;
  int code = sqlite3_open_v2(
      file.c_str(), &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
  Connection connection(db);
  if (code != SQLITE_OK) return sqlite_error(db, code, "open");
  sqlite3_busy_timeout(db, 5000);
  TRYV(connection.execute("PRAGMA foreign_keys = ON"));
  return connection;
}

Prepared Connection::take(std::string_view sql) {
  auto is_it = [&](auto& each) { return sql == sqlite3_sql(each.get()); };
  auto found = std::find_if(idle_.rbegin(), idle_.rend(), is_it);
  if (found == idle_.rend()) return nullptr;
  auto statement = std::move(*found);
  idle_.erase(std::next(found).base());
  return statement;
}

void Connection::keep(Prepared statement) {
  constexpr std::size_t most = 32;
  if (sqlite3_db_handle(statement.get()) != handle()) return;  // of one that was moved away
  sqlite3_reset(statement.get());                              // says again what step() has said
  sqlite3_clear_bindings(statement.get());
  if (idle_.size() == most) idle_.erase(idle_.begin());
  idle_.push_back(std::move(statement));
}

Result<> Connection::execute(const std::string& sql) {
  int code = sqlite3_exec(handle(), sql.c_str(), nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return sqlite_error(handle(), code, sql.substr(0, 60));
  return {};
}

}  // namespace muster::store
