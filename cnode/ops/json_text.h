#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ops/json_term.h"
#include "ops/type.h"

namespace muster::ops {

/// JSON text that is always valid: bytes that are no UTF-8 become U+FFFD, whatever let them in.
void append_json(std::string& out, const json::value& value);
std::string json_text(const json::value& value);

/// The JSON text of a described value, made in pieces: neither the text nor a JSON value of all of
/// it is ever in memory, and no piece takes long. What does not hold elements (one text, one member
/// that is free-form) is made at once.
/// Keeps the value until its end. Plain code, no I/O.
class JsonPieces {
 public:
  JsonPieces(std::shared_ptr<const void> value, const Type& type);

  /// Appends about `most` bytes, then the rest when asked again. False: that was the end.
  bool next(std::string& out, std::size_t most);
  /// About what is held, the value included.
  std::size_t weight() const { return type_->weight(value_.get()); }

 private:
  /// A list or an object that is begun.
  struct Open {
    const Type* type;  ///< null: `value` is a json::value
    const void* value;
    std::size_t at = 0;  ///< the next member
    bool is_first = true;
  };
  void put(const Type& type, const void* value, std::string& out);
  void put(const json::value& value, std::string& out);
  void step(std::string& out);
  bool step_into_type(Open& open, std::string& out);
  bool step_into_json(Open& open, std::string& out);

  std::shared_ptr<const void> value_;
  const Type* type_;
  std::vector<Open> open_;
  std::unique_ptr<json::value> made_;  ///< what the JSON ones among open_ are parts of
  bool is_begun_ = false;
};

}  // namespace muster::ops
