#include "mesh/node_facts.h"

#include "etf/print.h"

namespace muster::mesh {

using etf::atom;
using etf::Term;

StockCalls facts_calls() {
  StockCalls calls;
  for (auto* key : {"otp_release", "version", "system_architecture", "start_time"})
    calls.add("erlang", "system_info", etf::list(atom(key)));
  calls.add("erlang", "time_offset");
  calls.add("erlang", "convert_time_unit", etf::list(1, atom("second"), atom("native")));
  calls.add("init", "script_id");
  return calls;
}

Result<NodeFacts> parse_facts(const Term& answer, std::uint32_t creation) {
  auto odd = [&] {
    return Error(Errc::internal, "the node describes itself oddly: " + etf::to_string(answer, 400));
  };
  std::vector<Term> values;
  if (!answer.proper_list(values) || values.size() != 7) return odd();
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
