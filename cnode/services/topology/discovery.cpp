#include "services/topology/discovery.h"

#include <algorithm>

#include "etf/print.h"

namespace muster::topology {

using etf::Term;

namespace {

/// {Flag, Values} as init:get_arguments/0 lists them.
void read_argument(const Term& argument, Neighbours& out) {
  auto* parts = argument.tuple(2);
  if (!parts) return;
  if ((*parts)[0].is_atom("remsh")) out.is_remote_shell = true;
  if (!(*parts)[0].is_atom("sname") && !(*parts)[0].is_atom("name")) return;
  std::vector<Term> values;
  std::string name;
  if ((*parts)[1].proper_list(values) && !values.empty() && values[0].text(name) &&
      name == "undefined")
    out.is_dynamic = true;
}

}  // namespace

Result<Neighbours> parse_neighbours(const Term& answer) {
  std::vector<Term> values, nodes, arguments;
  if (!answer.proper_list(values) || values.size() != 2 || !values[0].proper_list(nodes) ||
      !values[1].proper_list(arguments))
    return Error(Errc::internal,
                 "the node lists its neighbours oddly: " + etf::to_string(answer, 200));
  Neighbours neighbours;
  for (auto& node : nodes)
    if (auto* name = node.get_if<etf::Atom>()) neighbours.visible.push_back(name->name);
  for (auto& argument : arguments) read_argument(argument, neighbours);
  return neighbours;
}

std::vector<Discovery::Found> Discovery::take_level() {
  return std::exchange(next_, {});
}

bool Discovery::answered(const std::string& name, const Neighbours& neighbours) {
  if (neighbours.is_remote_shell || neighbours.is_dynamic) return false;
  for (auto& neighbour : neighbours.visible) see(neighbour, name);
  return true;
}

void Discovery::see(const std::string& name, const std::string& from) {
  if (seen_.size() < limit_ && seen_.insert(name).second) next_.push_back({name, from});
}

}  // namespace muster::topology
