#pragma once

#include <boost/json.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "etf/term.h"
#include "ops/input.h"

namespace muster::ops {

struct Struct;

/// The schemas of an OpenAPI document while it is made; structs add themselves by name.
struct Components {
  json::object schemas;
};

enum class Kind {
  text,
  secret,
  integer,
  real,
  boolean,
  enumeration,
  time,
  node_name,
  blob,
  structure,
  array,
  dictionary,
  json,
  term,
  custom,
};

/// How one C++ type goes from outside and back, with the type itself forgotten: one constant per
/// type, made by type_of<T>() in convert.h. All loops over members and elements work on these, in
/// type.cpp, so that a described struct costs its users little to compile.
struct Type {
  Kind kind;
  bool may_be_absent = false;  ///< optional, bool, vector, map: keep their initialiser
  Result<void> (*read)(const Input& from, void* to) = nullptr;
  json::value (*to_json)(const void* from) = nullptr;
  etf::Term (*to_term)(const void* from) = nullptr;
  json::object (*schema)(Components&) = nullptr;
  bool (*is_present)(const void* value) = nullptr;  ///< null: always
  const Struct* (*structure)() = nullptr;           ///< of a structure, or of an optional one

  std::size_t size = 0;                         ///< sizeof
  std::size_t (*heap)(const void*) = nullptr;   ///< about what it has beside that; null: nothing
  const Type& (*inner)() = nullptr;             ///< of a list's elements, of an optional value
  std::size_t (*count)(const void*) = nullptr;  ///< how many of those there are
  const void* (*at)(const void*, std::size_t) = nullptr;

  /// About how many bytes of memory this value holds, itself included: what to claim for it.
  std::size_t weight(const void* value) const { return size + (heap ? heap(value) : 0); }
};

/// Another name for a member; a request struct lists its own:
///     static constexpr ops::Alias aliases[] = {{"provider_id", "provider"}};
struct Alias {
  std::string_view alias, member;
};

/// A line about a member for OpenAPI and help:
///     static constexpr ops::Doc docs[] = {{"amount", "how many nodes to deploy"}};
struct Doc {
  std::string_view member, text;
};

struct Member {
  std::string_view name;
  const Type& (*type)();
  void* (*address)(void* object);

  const void* address_of(const void* object) const { return address(const_cast<void*>(object)); }
};

/// A described struct.
struct Struct {
  std::string name;  ///< "topology.AddNode": its folder and its name
  std::vector<Member> members;
  std::span<const Alias> aliases;
  std::span<const Doc> docs;

  /// The member of that name or alias, or null.
  const Member* find(std::string_view name) const;
};

/// Reads fields into the members of `object`. Unknown, doubled and missing fields are bad_request
/// that name them.
Result<void> read_struct(const Struct& info, const Fields& fields, void* object);
Result<void> read_struct(const Struct& info, const Input& from, void* object);
json::value struct_to_json(const Struct& info, const void* object);
etf::Term struct_to_term(const Struct& info, const void* object);
json::object struct_schema(const Struct& info, Components& components);
std::size_t struct_heap(const Struct& info, const void* object);
/// What the elements of a list, or an optional value, have beside themselves.
std::size_t inner_heap(const Type& type, const void* value);
std::size_t text_heap(std::size_t capacity);

/// An enumeration as a list of names and values.
struct Enumerator {
  std::string name;
  long long value;
};
Result<long long> read_enum(const std::vector<Enumerator>& names, const Input& from);
const std::string& enum_name(const std::vector<Enumerator>& names, long long value);
json::object enum_schema(const std::vector<Enumerator>& names);
/// The name callers see: an underscore at the end (new_, operator_) goes, `upper` makes it UP.
std::string enumerator_name(std::string_view described, bool upper);

/// "muster::topology::AddNode" as the compiler writes it, to "topology.AddNode"; empty for a
/// template, whose schema is written where it is used.
std::string schema_name(std::string_view type);

}  // namespace muster::ops
