#include "doors/dist/functions.h"

#include <fmt/format.h>

namespace muster::doors::dist {

using etf::atom;
using etf::List;
using etf::Map;
using etf::Term;
using etf::tuple;

Function Functions::find(Call& call, const muster::dist::Link& link) const {
  if (auto* operation = table_.find(call.module, call.function);
      operation && call.arguments.size() <= 1)
    return OperationCall{operation,
                         call.arguments.empty() ? Term(Map{}) : std::move(call.arguments.front())};
  return builtin(call, link);
}

Function Functions::builtin(const Call& call, const muster::dist::Link& link) const {
  auto is = [&](std::string_view module, std::string_view function, std::size_t arity) {
    return call.module == module && call.function == function && call.arguments.size() == arity;
  };
  if (is("erlang", "node", 0)) return Value{atom(link.self())};
  if (is("muster", "h", 0)) return Print{help_text()};
  if (is("erlang", "registered", 0)) {
    List names;
    for (auto& name : node_.registered()) names.elements.push_back(atom(name));
    return Value{std::move(names)};
  }
  if (is("erlang", "whereis", 1)) {
    auto* name = call.arguments[0].get_if<etf::Atom>();
    auto pid = name ? node_.whereis(name->name) : muster::dist::LocalPid{};
    return Value{pid ? Term(link.pid(pid)) : atom("undefined")};
  }
  if (call.function == "module_info")
    if (auto info = module_info(call.module, call)) return Value{std::move(*info)};
  return Undefined{};
}

/// As a compiled module answers it: what `m(topology)` of a remote shell and tab completion ask.
std::optional<Term> Functions::module_info(const std::string& service, const Call& call) const {
  auto operations = table_.of(service);
  if (operations.empty() || call.arguments.size() > 1) return std::nullopt;
  List exports;
  for (auto* operation : operations) {
    exports.elements.push_back(tuple(atom(operation->row().name), 0));
    exports.elements.push_back(tuple(atom(operation->row().name), 1));
  }
  exports.elements.push_back(tuple(atom("module_info"), 0));
  exports.elements.push_back(tuple(atom("module_info"), 1));
  if (call.arguments.empty())
    return etf::list(tuple(atom("module"), atom(service)),
                     tuple(atom("exports"), std::move(exports)), tuple(atom("attributes"), List{}),
                     tuple(atom("compile"), List{}));
  auto& item = call.arguments[0];
  if (item.is_atom("exports") || item.is_atom("functions")) return Term(std::move(exports));
  if (item.is_atom("module")) return atom(service);
  if (item.is_atom("attributes") || item.is_atom("compile")) return Term(List{});
  return std::nullopt;
}

const std::string& Functions::help_text() const {
  if (!help_.empty()) return help_;
  std::string text = "rpc:call(Node, Service, Operation, [#{Key => Value}]):\n";
  for (auto& help : ops::help(table_)) {
    std::string arguments;
    for (auto& argument : help.arguments) {
      if (!arguments.empty()) arguments += ", ";
      arguments += argument.required ? argument.name : "[" + argument.name + "]";
    }
    text += fmt::format("  {:<36} {}\n", help.operation, help.doc);
    if (!arguments.empty()) text += fmt::format("  {:<36}   {}\n", "", arguments);
  }
  return help_ = std::move(text);
}

}  // namespace muster::doors::dist
