#pragma once

#include <boost/json.hpp>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"
#include "etf/term.h"

namespace muster::ops {

namespace json = boost::json;

struct Blob;
class Input;

/// The members of an object as somebody gave them, in order; a name may occur twice.
using Fields = std::vector<std::pair<std::string, Input>>;

/// One value from outside, as a door got it: JSON or an Erlang term. All rules of what is accepted
/// where live here once, so both notations are told the same with the same code.
/// Refers to the value, which stays with the door; reading may move text out of it, so a value is
/// read once. Errors are bad_request that say what was wanted and what was given; who knows the
/// member's name puts it in front of Error::field.
class Input {
 public:
  explicit Input(json::value& v) : value_(&v) {}
  explicit Input(etf::Term& v) : value_(&v) {}
  explicit Input(Blob& v) : value_(&v) {}

  /// JSON null, Erlang undefined or null: as good as not given.
  bool is_null() const;
  bool is_text() const;
  /// JSON string; Erlang atom, binary or list of characters. Valid UTF-8 without NUL.
  Result<std::string> text(std::string_view wanted = "text") const;
  /// An integer, or text that is one.
  Result<std::int64_t> integer(std::int64_t min = std::numeric_limits<std::int64_t>::min(),
                               std::int64_t max = std::numeric_limits<std::int64_t>::max()) const;
  /// A number, or text that is one.
  Result<double> real() const;
  /// true or false, as text too.
  Result<bool> boolean() const;
  /// JSON array, Erlang proper list.
  Result<std::vector<Input>> elements() const;
  /// JSON object; Erlang map or property list with atom, binary or string keys.
  Result<Fields> fields() const;

  /// Moves the value out in the other form where needed: see json_term.h.
  json::value to_json() const;
  etf::Term to_term() const;

  const json::value* json() const;
  const etf::Term* term() const;
  Blob* blob() const;

  /// What it is, for messages: "a number", "a list", …
  std::string_view kind() const;
  /// bad_request: "text wanted, got a list".
  Error wanted(std::string_view what) const;

 private:
  std::variant<json::value*, etf::Term*, Blob*> value_;
};

/// `error` as it is for the one who holds the member or element `name`: its field grows in front
/// (RFC 6901).
Error at_field(Error error, std::string_view name);

}  // namespace muster::ops
