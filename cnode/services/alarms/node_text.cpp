#include "services/alarms/node_text.h"

#include "base/clean_text.h"
#include "etf/print.h"

namespace muster::alarms {

using ops::json::value;

namespace {

constexpr std::size_t most_name = 250, most_evidence = 16 * 1024;
constexpr int deepest = 16;

bool is_deeper(const value& evidence, int levels) {
  if (levels == 0) return true;
  if (auto* array = evidence.if_array())
    return std::any_of(array->begin(), array->end(),
                       [&](const value& one) { return is_deeper(one, levels - 1); });
  if (auto* object = evidence.if_object())
    return std::any_of(object->begin(), object->end(),
                       [&](const auto& pair) { return is_deeper(pair.value(), levels - 1); });
  return false;
}

/// Whether it has no more levels, and not more than about `left` bytes, which are counted down.
bool is_small(const etf::Term& term, int levels, std::size_t& left) {
  constexpr std::size_t least = 2;  // of text, for each
  auto is_paid = [&](std::size_t bytes) {
    if (left < bytes) return false;
    left -= bytes;
    return true;
  };
  auto small = [&](const etf::Term& one) { return is_small(one, levels - 1, left); };
  auto all_small = [&](const std::vector<etf::Term>& all) {
    return levels > 1 && std::all_of(all.begin(), all.end(), small);
  };
  if (!is_paid(least)) return false;
  if (auto* binary = term.get_if<etf::Binary>()) return is_paid(binary->bytes.size());
  if (auto* chars = term.get_if<etf::CharList>()) return is_paid(chars->bytes.size());
  if (auto* tuple = term.get_if<etf::Tuple>()) return all_small(tuple->elements);
  if (auto* list = term.get_if<etf::List>())
    return all_small(list->elements) && (!list->tail || small(*list->tail));
  auto* map = term.get_if<etf::Map>();
  return !map || (levels > 1 && std::all_of(map->pairs.begin(), map->pairs.end(), [&](auto& pair) {
                    return small(pair.first) && small(pair.second);
                  }));
}

value cleaned(const value& evidence) {
  if (auto* text = evidence.if_string()) return value(clean_text(*text, any_length, Lines::kept));
  if (auto* array = evidence.if_array()) {
    ops::json::array clean;
    for (auto& one : *array) clean.push_back(cleaned(one));
    return clean;
  }
  auto* object = evidence.if_object();
  if (!object) return evidence;
  ops::json::object clean;
  for (auto& [key, member] : *object) clean[clean_text(key, any_length)] = cleaned(member);
  return clean;
}

}  // namespace

std::string node_text(const etf::Term& term) {
  return etf::name_of(term, most_name);
}

value bounded_evidence(value evidence) {
  auto text = ops::json::serialize(evidence);
  if (text.size() <= most_evidence && !is_deeper(evidence, deepest)) return cleaned(evidence);
  return ops::json::object{{"shortened", clean_text(text, most_evidence)}};
}

value evidence_of(const etf::Term& term) {
  auto left = most_evidence;
  if (!is_small(term, deepest, left))
    return ops::json::object{{"shortened", etf::to_string(term, most_evidence)}};
  return bounded_evidence(ops::json_of(term));
}

}  // namespace muster::alarms
