#include "services/topology/discovery.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/clean_text.h"
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

bool is_node_name(std::string_view name) {
  auto at = name.find('@');
  auto is_fine = [](std::string_view part, std::string_view extra) {
    return !part.empty() && std::all_of(part.begin(), part.end(), [&](unsigned char c) {
      return std::isalnum(c) || extra.find(static_cast<char>(c)) != std::string_view::npos;
    });
  };
  return at != std::string_view::npos && name.size() <= 255 && is_fine(name.substr(0, at), "_-") &&
         is_fine(name.substr(at + 1), "._-:");
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
  if (seen_.contains(name)) return;
  bool is_known = is_known_ && is_known_(name);
  if (!is_known && (unknown_ >= limit_ || !is_node_name(name))) {
    ++left_out_;
    return;
  }
  if (!is_known) ++unknown_;
  seen_.insert(name);
  next_.push_back({name, from});
}

Result<> check_node_name(const std::string& name) {
  if (!is_node_name(name))
    return Error(Errc::bad_request,
                 fmt::format("'{}' is no node name: alive@host wanted", clean_text(name, 255)),
                 "/name");
  return {};
}

}  // namespace muster::topology
