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
  return bounded_evidence(ops::json_of(term));
}

}  // namespace muster::alarms
