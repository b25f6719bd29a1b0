#include "ops/json_term.h"

#include <algorithm>
#include <bit>
#include <boost/functional/hash.hpp>
#include <cmath>
#include <unordered_set>

#include "base/clean_text.h"
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

/// Each value is made once: made anew where a map turns out to be a list of pairs, it would take
/// twice as long with each level.
json::object map_json(const etf::Map& map) {
  json::object object;
  object.reserve(map.pairs.size());
  bool is_exact = true;
  for (auto& [key, value] : map.pairs) {
    std::string name;
    if (!key.text(name) || !is_utf8(name)) name = etf::to_string(key);
    is_exact = object.emplace(name, nullptr).second && is_exact;
  }
  if (is_exact && (object.size() != 1 || object.begin()->key() != map_name)) {
    auto member = object.begin();
    for (auto& pair : map.pairs) (member++)->value() = json_of(pair.second);
    return object;
  }
  json::array pairs;
  pairs.reserve(map.pairs.size());
  for (auto& [key, value] : map.pairs) pairs.push_back(json::array{json_of(key), json_of(value)});
  object.clear();
  object.emplace(map_name, std::move(pairs));
  return object;
}

/// A term and a hash of it, by which keys are told apart without being looked at again.
struct Made {
  etf::Term term;
  std::size_t hash;
};

Made made(const json::value& value);

template <class T>
Made leaf(json::kind kind, etf::Term term, const T& content) {
  auto hash = static_cast<std::size_t>(kind);
  boost::hash_combine(hash, std::hash<T>()(content));
  return {std::move(term), hash};
}

Made made_list(const json::array& array) {
  etf::List list;
  list.elements.reserve(array.size());
  auto hash = static_cast<std::size_t>(json::kind::array);
  for (auto& each : array) {
    auto element = made(each);
    boost::hash_combine(hash, element.hash);
    list.elements.push_back(std::move(element.term));
  }
  return {std::move(list), hash};
}

/// Maps are the same in whatever order.
class MapMaker {
 public:
  void add(Made key, Made value) {
    is_map_ = keys_.insert(key.hash).second && is_map_;
    auto pair = key.hash;
    boost::hash_combine(pair, value.hash);
    hash_ += pair;
    map_.pairs.emplace_back(std::move(key.term), std::move(value.term));
  }
  /// Otherwise two keys are the same.
  bool is_map() const { return is_map_; }
  Made take() && { return {std::move(map_), hash_}; }
  std::vector<std::pair<etf::Term, etf::Term>> pairs() && { return std::move(map_.pairs); }

 private:
  etf::Map map_;
  std::unordered_set<std::size_t> keys_;
  bool is_map_ = true;
  std::size_t hash_ = static_cast<std::size_t>(json::kind::object);
};

Made made_text(std::string_view text) {
  return leaf(json::kind::string, etf::binary(text), text);
}

bool is_pair(const json::value& value) {
  auto* pair = value.if_array();
  return pair && pair->size() == 2;
}

/// What {"$map": [[Key, Value], …]} means: that map; or what it says, where two keys are the same,
/// of which a node would make no map either.
Made made_by_pairs(const json::array& pairs) {
  MapMaker maker;
  for (auto& pair : pairs) maker.add(made(pair.get_array()[0]), made(pair.get_array()[1]));
  if (maker.is_map()) return std::move(maker).take();
  etf::List list;
  for (auto& [key, value] : std::move(maker).pairs())
    list.elements.push_back(etf::list(std::move(key), std::move(value)));
  MapMaker said;
  said.add(made_text(map_name), {std::move(list), pairs.size()});
  return std::move(said).take();
}

Made made_map(const json::object& object) {
  if (object.size() == 1 && object.begin()->key() == map_name) {
    auto* pairs = object.begin()->value().if_array();
    if (pairs && std::all_of(pairs->begin(), pairs->end(), is_pair)) return made_by_pairs(*pairs);
  }
  MapMaker maker;
  for (auto& pair : object) maker.add(made_text(pair.key()), made(pair.value()));
  return std::move(maker).take();
}

Made made(const json::value& value) {
  const auto kind = value.kind();
  switch (kind) {
    case json::kind::bool_:
      return leaf(kind, value.get_bool(), value.get_bool());
    case json::kind::int64:
      return leaf(kind, value.get_int64(), value.get_int64());
    case json::kind::uint64:
      return leaf(kind, unsigned_big(value.get_uint64()), value.get_uint64());
    case json::kind::double_:
      if (!std::isfinite(value.get_double())) break;  // Erlang has no infinity
      return leaf(kind, value.get_double(), std::bit_cast<std::uint64_t>(value.get_double()));
    case json::kind::string:
      return made_text(value.get_string());
    case json::kind::array:
      return made_list(value.get_array());
    case json::kind::object:
      return made_map(value.get_object());
    case json::kind::null:
      break;
  }
  return leaf(json::kind::null, etf::atom("null"), 0);
}

}  // namespace

etf::Term term_of(const json::value& value) {
  return made(value).term;
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
