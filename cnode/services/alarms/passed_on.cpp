#include "services/alarms/passed_on.h"

#include <span>

#include "base/clean_text.h"
#include "services/alarms/node_text.h"

namespace muster::alarms {

namespace {
constexpr std::size_t most_parts = 32, most_instance = 1000;
}

PassedOn passed_on(const etf::Term& id, const RuleEngine& rules) {
  PassedOn known;
  std::vector<std::string> parts;
  if (auto* tuple = id.get_if<etf::Tuple>(); tuple && !tuple->elements.empty())
    for (auto& element :
         std::span(tuple->elements).first(std::min(tuple->elements.size(), most_parts)))
      parts.push_back(node_text(element));
  else
    parts.push_back(node_text(id));
  if (parts[0] == "elarm" && parts.size() >= 2) {
    known.source = Source::elarm;
    parts.erase(parts.begin());
  } else if (parts[0] == "mnesia" && parts.size() >= 2) {
    known.source = Source::builtin;
    parts[0] += "/" + parts[1];
    parts.erase(parts.begin() + 1);
  }
  if (known.source != Source::elarm) known.rule = rules.find_passed_on(parts[0]);
  known.condition = known.rule ? known.rule->id : parts[0];
  for (std::size_t i = 1; i < parts.size(); ++i) known.instance += (i > 1 ? "/" : "") + parts[i];
  known.instance = clean_text(known.instance, most_instance);
  return known;
}

}  // namespace muster::alarms
