#pragma once

#include <boost/describe.hpp>
#include <boost/mp11.hpp>
#include <concepts>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "base/secret.h"
#include "ops/body.h"
#include "ops/json_term.h"
#include "ops/type.h"
#include "ops/types.h"

/// What request and reply structs may be made of, and how each goes from and to JSON and Erlang.
/// README.md has the table. Services need only declare structs with BOOST_DESCRIBE_STRUCT and hand
/// them to operation.h.
namespace muster::ops {

/// True for enumerations that callers see in upper case: specialise beside the enum.
///     template <> inline constexpr bool ops::upper_case<topology::NodeState> = true;
template <class E>
inline constexpr bool upper_case = false;

/// The way out for types with a form of their own: specialise with
///     static Result<T> read(const Input&);
///     static json::value to_json(const T&);
///     static etf::Term to_term(const T&);
///     static json::object schema();
/// and, where one holds more than its own bytes, about how much more:
///     static std::size_t heap(const T&);
template <class T>
struct Convert;

template <class T>
concept Converted = requires(const T& t, const Input& in) {
  { Convert<T>::read(in) } -> std::same_as<Result<T>>;
  Convert<T>::to_json(t);
};

template <class T>
const Type& type_of();

// The scalars, in scalars.cpp.
template <>
const Type& type_of<std::string>();
template <>
const Type& type_of<bool>();
template <>
const Type& type_of<double>();
template <>
const Type& type_of<Secret>();
template <>
const Type& type_of<Timestamp>();
template <>
const Type& type_of<NodeName>();
template <>
const Type& type_of<Blob>();
template <>
const Type& type_of<json::value>();
template <>
const Type& type_of<etf::Term>();

namespace detail {

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_map : std::false_type {};
template <class T>
struct is_map<std::map<std::string, T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

template <class T>
consteval std::string_view type_name() {
  std::string_view f = __PRETTY_FUNCTION__;
  auto from = f.find("T = ") + 4;
  return f.substr(from, f.find_first_of(";]", from) - from);
}

template <class T>
using members_of = boost::describe::describe_members<T, boost::describe::mod_public |
                                                            boost::describe::mod_inherited>;

template <class T>
const Struct& struct_of() {
  static const Struct info = [] {
    Struct s{schema_name(type_name<T>()), {}, {}, {}};
    if constexpr (requires { T::aliases; }) s.aliases = T::aliases;
    if constexpr (requires { T::docs; }) s.docs = T::docs;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      using D = decltype(d);
      using M = std::remove_reference_t<decltype(std::declval<T&>().*D::pointer)>;
      s.members.push_back({D::name, &type_of<M>, [](void* object) -> void* {
                             return &(static_cast<T*>(object)->*D::pointer);
                           }});
    });
    return s;
  }();
  return info;
}

template <class E>
const std::vector<Enumerator>& enumerators_of() {
  static const std::vector<Enumerator> names = [] {
    std::vector<Enumerator> v;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>([&](auto d) {
      v.push_back({enumerator_name(d.name, upper_case<E>), static_cast<long long>(d.value)});
    });
    return v;
  }();
  return names;
}

json::object integer_schema(std::int64_t min, std::int64_t max);
etf::Term unsigned_term(std::uint64_t value);

template <class T>
Type integer_type() {
  constexpr auto min = static_cast<std::int64_t>(std::numeric_limits<T>::min());
  constexpr auto max = std::cmp_greater(std::numeric_limits<T>::max(), INT64_MAX)
                           ? INT64_MAX
                           : static_cast<std::int64_t>(std::numeric_limits<T>::max());
  Type type{Kind::integer};
  type.size = sizeof(T);
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(auto value, from.integer(min, max));
    *static_cast<T*>(to) = static_cast<T>(value);
    return {};
  };
  type.to_json = [](const void* p) -> json::value { return *static_cast<const T*>(p); };
  type.to_term = [](const void* p) -> etf::Term {
    if constexpr (std::is_unsigned_v<T>)
      return unsigned_term(*static_cast<const T*>(p));
    else
      return static_cast<std::int64_t>(*static_cast<const T*>(p));
  };
  type.schema = [](Components&) { return integer_schema(min, max); };
  return type;
}

template <class E>
Type enum_type() {
  Type type{Kind::enumeration};
  type.size = sizeof(E);
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(auto value, read_enum(enumerators_of<E>(), from));
    *static_cast<E*>(to) = static_cast<E>(value);
    return {};
  };
  type.to_json = [](const void* p) -> json::value {
    return json::value(
        enum_name(enumerators_of<E>(), static_cast<long long>(*static_cast<const E*>(p))));
  };
  type.to_term = [](const void* p) {
    return etf::atom(
        enum_name(enumerators_of<E>(), static_cast<long long>(*static_cast<const E*>(p))));
  };
  type.schema = [](Components&) { return enum_schema(enumerators_of<E>()); };
  return type;
}

template <class T>
Type struct_type() {
  Type type{Kind::structure};
  type.read = [](const Input& from, void* to) { return read_struct(struct_of<T>(), from, to); };
  type.to_json = [](const void* p) { return struct_to_json(struct_of<T>(), p); };
  type.to_term = [](const void* p) { return struct_to_term(struct_of<T>(), p); };
  type.schema = [](Components& c) { return struct_schema(struct_of<T>(), c); };
  type.structure = [] { return &struct_of<T>(); };
  type.size = sizeof(T);
  type.heap = [](const void* p) { return struct_heap(struct_of<T>(), p); };
  return type;
}

template <class V>
Type vector_type() {
  using T = typename V::value_type;
  static_assert(!std::is_same_v<T, bool>, "a vector of bool has no elements to point at");
  Type type{Kind::array, true};
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(auto elements, from.elements());
    V v;
    v.reserve(elements.size());
    for (auto& element : elements)
      if (auto r = type_of<T>().read(element, &v.emplace_back()); !r)
        return at_field(std::move(r).error(), std::to_string(v.size() - 1));
    *static_cast<V*>(to) = std::move(v);
    return {};
  };
  type.to_json = [](const void* p) -> json::value {
    json::array array;
    for (auto& element : *static_cast<const V*>(p)) array.push_back(type_of<T>().to_json(&element));
    return array;
  };
  type.to_term = [](const void* p) -> etf::Term {
    etf::List list;
    for (auto& element : *static_cast<const V*>(p))
      list.elements.push_back(type_of<T>().to_term(&element));
    return list;
  };
  type.schema = [](Components& c) {
    return json::object{{"type", "array"}, {"items", type_of<T>().schema(c)}};
  };
  type.size = sizeof(V);
  type.heap = [](const void* p) {
    return static_cast<const V*>(p)->capacity() * sizeof(T) + inner_heap(type_of<V>(), p);
  };
  type.inner = &type_of<T>;
  type.count = [](const void* p) { return static_cast<const V*>(p)->size(); };
  type.at = [](const void* p, std::size_t i) -> const void* {
    return &(*static_cast<const V*>(p))[i];
  };
  return type;
}

template <class M>
Type map_type() {
  using T = typename M::mapped_type;
  Type type{Kind::dictionary, true};
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(auto fields, from.fields());
    M m;
    for (auto& [name, value] : fields) {
      auto [at, is_new] = m.try_emplace(name);
      if (!is_new) return at_field(Error(Errc::bad_request, "given twice"), name);
      if (auto r = type_of<T>().read(value, &at->second); !r)
        return at_field(std::move(r).error(), name);
    }
    *static_cast<M*>(to) = std::move(m);
    return {};
  };
  type.to_json = [](const void* p) -> json::value {
    json::object object;
    for (auto& [name, value] : *static_cast<const M*>(p))
      object[name] = type_of<T>().to_json(&value);
    return object;
  };
  type.to_term = [](const void* p) -> etf::Term {
    etf::Map map;
    for (auto& [name, value] : *static_cast<const M*>(p))
      map.pairs.emplace_back(etf::binary(name), type_of<T>().to_term(&value));
    return map;
  };
  type.schema = [](Components& c) {
    return json::object{{"type", "object"}, {"additionalProperties", type_of<T>().schema(c)}};
  };
  type.size = sizeof(M);
  type.heap = [](const void* p) {
    constexpr std::size_t node = 48;  // of the tree, beside the pair
    std::size_t sum = 0;
    for (auto& [name, value] : *static_cast<const M*>(p))
      sum += node + sizeof name + text_heap(name.capacity()) + type_of<T>().weight(&value);
    return sum;
  };
  return type;
}

template <class O>
Type optional_type() {
  using T = typename O::value_type;
  Type type = type_of<T>();
  type.may_be_absent = true;
  type.read = [](const Input& from, void* to) -> Result<void> {
    auto& optional = *static_cast<O*>(to);
    if (from.is_null()) return optional.reset(), Result<void>();
    return type_of<T>().read(from, &optional.emplace());
  };
  type.to_json = [](const void* p) -> json::value {
    auto& optional = *static_cast<const O*>(p);
    return optional ? type_of<T>().to_json(&*optional) : json::value();
  };
  type.to_term = [](const void* p) {
    auto& optional = *static_cast<const O*>(p);
    return optional ? type_of<T>().to_term(&*optional) : etf::atom("undefined");
  };
  type.is_present = [](const void* p) { return static_cast<const O*>(p)->has_value(); };
  type.size = sizeof(O);
  type.heap = [](const void* p) { return inner_heap(type_of<O>(), p); };
  type.inner = &type_of<T>;
  type.count = [](const void* p) -> std::size_t { return static_cast<const O*>(p)->has_value(); };
  type.at = [](const void* p, std::size_t) -> const void* { return &**static_cast<const O*>(p); };
  return type;
}

template <class T>
Type custom_type() {
  Type type{Kind::custom};
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(*static_cast<T*>(to), Convert<T>::read(from));
    return {};
  };
  type.to_json = [](const void* p) -> json::value {
    return Convert<T>::to_json(*static_cast<const T*>(p));
  };
  type.to_term = [](const void* p) -> etf::Term {
    return Convert<T>::to_term(*static_cast<const T*>(p));
  };
  type.schema = [](Components&) { return Convert<T>::schema(); };
  type.size = sizeof(T);
  if constexpr (requires(const T& t) { Convert<T>::heap(t); })
    type.heap = [](const void* p) { return Convert<T>::heap(*static_cast<const T*>(p)); };
  return type;
}

/// Whether a Secret or Blob is anywhere in T, which keeps it out of replies and events.
template <class T>
consteval bool holds_secret() {
  if constexpr (std::is_same_v<T, Secret> || std::is_same_v<T, Blob>) {
    return true;
  } else if constexpr (is_vector<T>::value || is_optional<T>::value) {
    return holds_secret<typename T::value_type>();
  } else if constexpr (is_map<T>::value) {
    return holds_secret<typename T::mapped_type>();
  } else if constexpr (!Converted<T> && boost::describe::has_describe_members<T>::value) {
    bool found = false;
    boost::mp11::mp_for_each<members_of<T>>([&](auto d) {
      using M = std::remove_reference_t<decltype(std::declval<T&>().*decltype(d)::pointer)>;
      if constexpr (!std::is_same_v<M, std::vector<T>>) found = found || holds_secret<M>();
    });
    return found;
  } else {
    return false;
  }
}

}  // namespace detail

template <class T>
const Type& type_of() {
  static const Type type = [] {
    if constexpr (Converted<T>)
      return detail::custom_type<T>();
    else if constexpr (std::is_enum_v<T>)
      return detail::enum_type<T>();
    else if constexpr (std::integral<T>)
      return detail::integer_type<T>();
    else if constexpr (detail::is_optional<T>::value)
      return detail::optional_type<T>();
    else if constexpr (detail::is_vector<T>::value)
      return detail::vector_type<T>();
    else if constexpr (detail::is_map<T>::value)
      return detail::map_type<T>();
    else {
      static_assert(boost::describe::has_describe_members<T>::value,
                    "a member of this type cannot cross a door: see cnode/ops/README.md");
      return detail::struct_type<T>();
    }
  }();
  return type;
}

/// One value from JSON or a term, and back.
template <class T>
Result<T> read(const Input& from) {
  T value{};
  TRYV(type_of<T>().read(from, &value));
  return value;
}
template <class T>
json::value to_json(const T& value) {
  return type_of<T>().to_json(&value);
}
template <class T>
etf::Term to_term(const T& value) {
  return type_of<T>().to_term(&value);
}

}  // namespace muster::ops
