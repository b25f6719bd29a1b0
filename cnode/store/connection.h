#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace muster::store {

/// SQLite's own words for an error, as one of ours: a full disk or a locked file is unavailable, a
/// broken UNIQUE is conflict, everything else internal. https://www.sqlite.org/rescode.html
Error sqlite_error(sqlite3* db, int code, std::string_view doing);

class Connection;

struct Finalize {
  void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Prepared = std::unique_ptr<sqlite3_stmt, Finalize>;

/// One prepared statement, which the connection keeps for the next of the same text. Errors stick:
/// bind and step as you like, then look at result() once.
///     Statement s(db, "SELECT name FROM nodes WHERE id = ?");
///     s.bind(id);
///     while (s.step()) names.push_back(s.text(0));
///     TRYV(s.result());
class Statement {
 public:
  Statement(Connection& connection, std::string_view sql);
  Statement(Statement&&) = default;
  ~Statement();

  /// Binds the next parameter, from the left.
  Statement& bind(std::string_view text);
  Statement& bind(const char* text) { return bind(std::string_view(text)); }
  Statement& bind(const std::string& text) { return bind(std::string_view(text)); }
  Statement& bind(std::int64_t value);
  Statement& bind(int value) { return bind(std::int64_t{value}); }
  Statement& bind(bool value) { return bind(std::int64_t{value}); }
  Statement& bind(std::uint32_t value) { return bind(std::int64_t{value}); }
  Statement& bind(std::uint16_t value) { return bind(std::int64_t{value}); }
  Statement& bind(double value);
  Statement& bind(Timestamp time) { return bind(std::int64_t{time.time_since_epoch().count()}); }
  Statement& bind(std::nullopt_t);
  Statement& bind_blob(std::string_view bytes);
  template <class T>
  Statement& bind(const std::optional<T>& value) {
    return value ? bind(*value) : bind(std::nullopt);
  }

  /// True when there is a row to read. After the last one (or an error) false.
  bool step();
  /// Steps to the end: for statements that give no rows.
  Result<> run();
  /// Ready to be bound and stepped again.
  void reset();
  Result<> result() const;

  bool is_null(int column) const;
  std::string text(int column) const;
  std::string blob(int column) const { return text(column); }
  std::int64_t integer(int column) const;
  double real(int column) const;
  bool boolean(int column) const { return integer(column) != 0; }
  Timestamp time(int column) const;
  std::optional<std::string> text_or_null(int column) const;
  std::optional<std::int64_t> integer_or_null(int column) const;

 private:
  void note(int code);

  Connection& connection_;
  Prepared statement_;
  int next_ = 1;
  std::optional<Error> error_;
};

/// One open SQLite database. Belongs to one thread at a time.
class Connection {
 public:
  /// `file` may be ":memory:". Foreign keys are on; waits for another process's lock at most 5 s.
  static Result<Connection> open(const std::string& file);

  /// One or more statements without parameters or rows; prepared anew each time.
  Result<> execute(const std::string& sql);
  /// Rows changed by the last INSERT, UPDATE or DELETE.
  int changes() const { return sqlite3_changes(db_.get()); }
  sqlite3* handle() const { return db_.get(); }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  explicit Connection(sqlite3* db) : db_(db) {}

  friend class Statement;
  Prepared take(std::string_view sql);
  void keep(Prepared statement);

  std::unique_ptr<sqlite3, Close> db_;
  std::vector<Prepared> idle_;  ///< statements nobody uses; the one used last comes last
};

}  // namespace muster::store
