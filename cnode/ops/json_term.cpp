#include "ops/json_term.h"

#include <cmath>
#include <optional>
#include <set>

#include "base/clean_text.h"
#include "etf/encode.h"
#include "etf/print.h"
#include "ops/base64.h"

namespace muster::ops {
namespace {

etf::Term unsigned_big(std::uint64_t value) {
  if (value <= INT64_MAX) return static_cast<std::int64_t>(value);
  etf::BigInteger big{false, {}};
  for (; value; value >>= 8) big.magnitude += static_cast<char>(value & 0xff);
  return big;
}

json::value text_or_bytes(const std::string& bytes) {
  if (is_utf8(bytes)) return json::value(bytes);
  return json::object{{"base64", base64_encode(bytes)}};
}

json::value list_json(const etf::Term& term, const etf::List& list) {
  if (list.tail) return json::value(etf::to_string(term));
  std::string text;
  if (!list.elements.empty() && term.text(text) && is_printable(text, Lines::kept))
    return json::value(text);
  json::array array;
  array.reserve(list.elements.size());
  for (auto& element : list.elements) array.push_back(json_of(element));
  return array;
}

constexpr std::string_view map_name = "$map";

json::object map_json(const etf::Map& map) {
  json::object object;
  object.reserve(map.pairs.size());
  bool is_exact = true;
  for (auto& [key, value] : map.pairs) {
    std::string name;
    if (!key.text(name) || !is_utf8(name)) name = etf::to_string(key);
    is_exact = object.emplace(name, json_of(value)).second && is_exact;
  }
  if (is_exact && (object.size() != 1 || object.begin()->key() != map_name)) return object;
  json::array pairs;
  for (auto& [key, value] : map.pairs) pairs.push_back(json::array{json_of(key), json_of(value)});
  object.clear();
  object.emplace(map_name, std::move(pairs));
  return object;
}

/// The map that {"$map": …} means; nothing where that is no list of pairs with different keys, of
/// which a node would make no map either.
std::optional<etf::Map> map_of(const json::object& object) {
  if (object.size() != 1 || object.begin()->key() != map_name) return std::nullopt;
  auto* pairs = object.begin()->value().if_array();
  if (!pairs) return std::nullopt;
  etf::Map map;
  std::set<std::string> keys;
  for (auto& each : *pairs) {
    auto* pair = each.if_array();
    if (!pair || pair->size() != 2) return std::nullopt;
    auto key = term_of((*pair)[0]);
    std::string encoded;
    etf::encode(key, encoded);
    if (!keys.insert(std::move(encoded)).second) return std::nullopt;
    map.pairs.emplace_back(std::move(key), term_of((*pair)[1]));
  }
  return map;
}

}  // namespace

etf::Term term_of(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null:
      return etf::atom("null");
    case json::kind::bool_:
      return value.get_bool();
    case json::kind::int64:
      return value.get_int64();
    case json::kind::uint64:
      return unsigned_big(value.get_uint64());
    case json::kind::double_:  // Erlang has no infinity
      return std::isfinite(value.get_double()) ? etf::Term(value.get_double()) : etf::atom("null");
    case json::kind::string:
      return etf::binary(value.get_string());
    case json::kind::array: {
      etf::List list;
      list.elements.reserve(value.get_array().size());
      for (auto& element : value.get_array()) list.elements.push_back(term_of(element));
      return list;
    }
    case json::kind::object: {
      if (auto given = map_of(value.get_object())) return *std::move(given);
      etf::Map map;
      map.pairs.reserve(value.get_object().size());
      for (auto& pair : value.get_object())
        map.pairs.emplace_back(etf::binary(pair.key()), term_of(pair.value()));
      return map;
    }
  }
  return etf::Term();
}

json::value json_of(const etf::Term& term) {
  if (auto* i = term.get_if<std::int64_t>()) return *i;
  if (auto* d = term.get_if<double>()) return *d;
  if (auto* atom = term.get_if<etf::Atom>()) {
    if (atom->name == "true") return true;
    if (atom->name == "false") return false;
    if (atom->name == "null" || atom->name == "undefined") return nullptr;
    return text_or_bytes(atom->name);
  }
  if (auto* binary = term.get_if<etf::Binary>()) return text_or_bytes(binary->bytes);
  if (auto* chars = term.get_if<etf::CharList>()) {
    std::string text;
    if (term.text(text) && is_printable(text, Lines::kept)) return json::value(text);
    json::array array;
    for (unsigned char c : chars->bytes) array.push_back(std::int64_t{c});
    return array;
  }
  if (auto* list = term.get_if<etf::List>()) return list_json(term, *list);
  if (auto* tuple = term.get_if<etf::Tuple>()) {
    json::array array;
    array.reserve(tuple->elements.size());
    for (auto& element : tuple->elements) array.push_back(json_of(element));
    return array;
  }
  if (auto* map = term.get_if<etf::Map>()) return map_json(*map);
  return json::value(etf::to_string(term));
}

std::size_t weight(const json::value& value) {
  constexpr std::size_t member = 40;  // of an object: the pair and its place in the table
  std::size_t sum = sizeof value;
  if (auto* text = value.if_string()) {
    sum += text->capacity();
  } else if (auto* array = value.if_array()) {
    sum += (array->capacity() - array->size()) * sizeof value;
    for (auto& element : *array) sum += weight(element);
  } else if (auto* object = value.if_object()) {
    sum += object->capacity() * member;
    for (auto& pair : *object) sum += pair.key().size() + weight(pair.value());
  }
  return sum;
}

}  // namespace muster::ops
