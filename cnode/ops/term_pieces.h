#pragma once

#include <memory>
#include <string>
#include <vector>

#include "ops/type.h"

namespace muster::ops {

/// The external term format of a described value, without the version byte, made in pieces, so that
/// the turn of the loop can end between them: what JsonPieces is for REST. What holds no elements
/// (a text, a member that is free-form) is made at once. Keeps the value until its end. Plain code,
/// no I/O. https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
class TermPieces {
 public:
  TermPieces(std::shared_ptr<const void> value, const Type& type);

  /// Appends about `most` bytes, then the rest when asked again. False: that was the end.
  bool next(std::string& out, std::size_t most);
  /// About what the value takes in memory.
  std::size_t weight() const { return type_->weight(value_.get()); }

 private:
  /// A list or a struct that is begun.
  struct Open {
    const Type* type;
    const void* value;
    std::size_t at = 0;  ///< the next member
  };
  void put(const Type& type, const void* value, std::string& out);
  void step(std::string& out);

  std::shared_ptr<const void> value_;
  const Type* type_;
  std::vector<Open> open_;
  bool is_begun_ = false;
};

}  // namespace muster::ops
