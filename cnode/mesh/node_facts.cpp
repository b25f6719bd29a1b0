#include "mesh/node_facts.h"

#include "base/clean_text.h"
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

namespace {

constexpr std::size_t most_version = 64, most_name = 200;

/// Atoms, strings and binaries are text; whatever their bytes, what is kept of them is printable.
bool read(const Term& term, std::size_t most, std::string& out) {
  std::string text;
  if (!term.text(text) || text.empty()) return false;
  out = clean_text(text, most);
  return true;
}

/// Of the node's own clock; nothing where that is before 1970 or beyond the year 9999.
std::optional<Timestamp> started_at(const Term& start, const Term& offset, const Term& unit) {
  auto* at = start.get_if<std::int64_t>();
  auto* behind = offset.get_if<std::int64_t>();
  auto* per_second = unit.get_if<std::int64_t>();
  if (!at || !behind || !per_second || *per_second <= 0) return std::nullopt;
  auto seconds =
      (static_cast<double>(*at) + static_cast<double>(*behind)) / static_cast<double>(*per_second);
  constexpr double last = 253'402'300'799;
  if (!(seconds >= 0 && seconds <= last)) return std::nullopt;
  return Timestamp(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
}

}  // namespace

Result<NodeFacts> parse_facts(const Term& answer, std::uint32_t creation) {
  auto odd = [&] {
    return Error(Errc::internal, "the node describes itself oddly: " + etf::to_string(answer, 400));
  };
  std::vector<Term> values;
  if (!answer.proper_list(values) || values.size() != 7) return odd();
  NodeFacts facts;
  facts.creation = creation;
  auto* script = values[6].tuple(2);
  auto started = started_at(values[3], values[4], values[5]);
  if (!read(values[0], most_version, facts.otp_release) ||
      !read(values[1], most_version, facts.erts_version) ||
      !read(values[2], most_name, facts.architecture) || !started || !script ||
      !read((*script)[0], most_name, facts.script_name) ||
      !read((*script)[1], most_version, facts.script_version))
    return odd();
  facts.started_at = *started;
  return facts;
}

}  // namespace muster::mesh
