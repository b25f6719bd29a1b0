#include "mesh/node_facts.h"

#include <fmt/format.h>

#include <array>

#include "etf/encode.h"
#include "etf/print.h"
#include "etf/tags.h"

namespace muster::mesh {
namespace {

using etf::atom;
using etf::Term;

struct Reading {
  std::string_view module, function;
  Term arguments;
};

/// In the order that parse_facts() takes them back.
std::array<Reading, 7> readings() {
  auto info = [](std::string_view key) {
    return Reading{"erlang", "system_info", etf::list(atom(key))};
  };
  return {info("otp_release"),
          info("version"),
          info("system_architecture"),
          info("start_time"),
          Reading{"erlang", "time_offset", Term()},
          Reading{"erlang", "convert_time_unit", etf::list(1, atom("second"), atom("native"))},
          Reading{"init", "script_id", Term()}};
}

Term external_fun(std::string_view module, std::string_view function, int arity) {
  etf::Fun fun;
  fun.encoded += static_cast<char>(etf::tag::export_fun);
  etf::encode(atom(module), fun.encoded);
  etf::encode(atom(function), fun.encoded);
  etf::encode(arity, fun.encoded);
  return fun;
}

}  // namespace

FactsCall facts_call() {
  etf::List modules, functions, arguments;
  for (auto& reading : readings()) {
    modules.elements.push_back(atom(reading.module));
    functions.elements.push_back(atom(reading.function));
    arguments.elements.push_back(reading.arguments);
  }
  return {"lists",
          "zipwith3",
          {external_fun("erlang", "apply", 3), std::move(modules), std::move(functions),
           std::move(arguments)}};
}

Result<NodeFacts> parse_facts(const Term& answer, std::uint32_t creation) {
  auto odd = [&] {
    return Error(Errc::internal, "the node describes itself oddly: " + etf::to_string(answer, 400));
  };
  std::vector<Term> values;
  if (!answer.proper_list(values) || values.size() != readings().size()) return odd();
  NodeFacts facts;
  facts.creation = creation;
  auto* start = values[3].get_if<std::int64_t>();
  auto* offset = values[4].get_if<std::int64_t>();
  auto* per_second = values[5].get_if<std::int64_t>();
  auto* script = values[6].tuple(2);
  if (!values[0].text(facts.otp_release) || !values[1].text(facts.erts_version) ||
      !values[2].text(facts.architecture) || !start || !offset || !per_second || *per_second <= 0 ||
      !script || !(*script)[0].text(facts.script_name) || !(*script)[1].text(facts.script_version))
    return odd();
  auto seconds = (*start + *offset) / static_cast<double>(*per_second);
  facts.started_at =
      Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  return facts;
}

}  // namespace muster::mesh
