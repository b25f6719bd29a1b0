#include "services/orchestration/settings.h"

namespace muster::orchestration {

Result<Bootstrap> bootstrap_of(const BootstrapSettings& given, const std::string& where) {
  Bootstrap made;
  made.strategy = given.strategy.value_or(Strategy::none);
  auto wrong = [&](std::string message, const char* member) {
    return Error(Errc::bad_request, std::move(message), where + "/" + member);
  };
  if (made.strategy == Strategy::none) {
    if (given.opts) return wrong("options need the strategy custom", "opts");
    if (given.node_selection && given.node_selection->kind != Selection::Kind::none)
      return wrong("a node selection needs a strategy: distributed_erlang or custom", "strategy");
    return made;
  }
  made.selection = given.node_selection.value_or(Selection{Selection::Kind::random, {}});
  if (made.strategy == Strategy::custom) {
    if (!given.opts || given.opts->cmd.empty())
      return wrong("the strategy custom needs {\"cmd\": …}", "opts");
    made.cmd = given.opts->cmd;
    made.args = given.opts->args;
  } else if (given.opts) {
    return wrong("only the strategy custom has options", "opts");
  }
  return made;
}

BootstrapSettings settings_of(const Bootstrap& bootstrap) {
  BootstrapSettings settings;
  settings.node_selection = bootstrap.selection;
  settings.strategy = bootstrap.strategy;
  if (bootstrap.strategy == Strategy::custom) settings.opts = {bootstrap.cmd, bootstrap.args};
  return settings;
}

}  // namespace muster::orchestration

namespace muster::ops {
namespace {

using orchestration::Selection;
using orchestration::StrategyOptions;

constexpr std::pair<std::string_view, Selection::Kind> kinds[] = {
    {"none", Selection::Kind::none},
    {"random", Selection::Kind::random},
    {"first", Selection::Kind::first},
    {"all", Selection::Kind::all}};

std::string_view name_of(Selection::Kind kind) {
  for (auto& [name, value] : kinds)
    if (value == kind) return name;
  return "node";
}

Error unknown_selection() {
  return Error(Errc::bad_request, "wanted none, random, first, all, or {node, Id}");
}

Result<void> add_options(const Fields& fields, StrategyOptions& options) {
  for (auto& [name, value] : fields) {
    if (name == "cmd" || name == "command") {
      auto text = value.text();
      if (!text) return at_field(std::move(text).error(), name);
      if (!options.cmd.empty())
        return at_field(Error(Errc::bad_request, "'cmd' is given twice"), name);
      options.cmd = *std::move(text);
    } else if (name == "args" || name == "arguments") {
      auto list = ops::read<std::vector<std::string>>(value);
      if (!list) return at_field(std::move(list).error(), name);
      options.args = *std::move(list);
    } else {
      return at_field(Error(Errc::bad_request, "unknown field; known: cmd, args"), name);
    }
  }
  return {};
}

}  // namespace

Result<Selection> Convert<Selection>::read(const Input& from) {
  if (from.is_text()) {
    TRY(auto text, from.text());
    for (auto& [name, kind] : kinds)
      if (text == name) return Selection{kind, {}};
    return unknown_selection();
  }
  if (auto* term = from.term(); term && term->tuple(2)) {
    auto& pair = *term->tuple(2);
    Selection selection{Selection::Kind::node, {}};
    if (pair[0].is_atom("node") && pair[1].text(selection.node)) return selection;
    return unknown_selection();
  }
  auto fields = from.fields();
  if (!fields || fields->size() != 1 || fields->front().first != "node") return unknown_selection();
  auto node = fields->front().second.text();
  if (!node) return at_field(std::move(node).error(), "node");
  return Selection{Selection::Kind::node, *std::move(node)};
}

json::value Convert<Selection>::to_json(const Selection& selection) {
  if (selection.kind == Selection::Kind::node) return {{"node", selection.node}};
  return json::value(name_of(selection.kind));
}

etf::Term Convert<Selection>::to_term(const Selection& selection) {
  if (selection.kind == Selection::Kind::node)
    return etf::tuple(etf::atom("node"), etf::binary(selection.node));
  return etf::atom(name_of(selection.kind));
}

json::object Convert<Selection>::schema() {
  return {{"description", "none, random, first, all, or the id of one node"},
          {"anyOf",
           {{{"type", "string"}, {"enum", {"none", "random", "first", "all"}}},
            {{"type", "object"},
             {"properties", {{"node", {{"type", "string"}}}}},
             {"required", json::array{"node"}}}}}};
}

Result<StrategyOptions> Convert<StrategyOptions>::read(const Input& from) {
  StrategyOptions options;
  if (auto fields = from.fields()) {
    TRYV(add_options(*fields, options));
    return options;
  }
  auto elements = from.elements();
  if (!elements) return from.wanted("an object");
  for (std::size_t i = 0; i < elements->size(); ++i) {
    auto index = std::to_string(i);
    auto fields = (*elements)[i].fields();
    if (!fields) return at_field(std::move(fields).error(), index);
    if (auto added = add_options(*fields, options); !added)
      return at_field(std::move(added).error(), index);
  }
  return options;
}

json::value Convert<StrategyOptions>::to_json(const StrategyOptions& options) {
  json::object out{{"cmd", options.cmd}};
  if (!options.args.empty()) out["args"] = ops::to_json(options.args);
  return out;
}

etf::Term Convert<StrategyOptions>::to_term(const StrategyOptions& options) {
  etf::Map out;
  out.pairs.emplace_back(etf::atom("cmd"), etf::binary(options.cmd));
  if (!options.args.empty()) out.pairs.emplace_back(etf::atom("args"), ops::to_term(options.args));
  return out;
}

json::object Convert<StrategyOptions>::schema() {
  return {{"type", "object"},
          {"properties",
           {{"cmd", {{"type", "string"}}},
            {"args", {{"type", "array"}, {"items", {{"type", "string"}}}}}}}};
}

}  // namespace muster::ops
