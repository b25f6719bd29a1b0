#include "services/commands/runs.h"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "etf/decode.h"
#include "etf/encode.h"

namespace muster::commands {

using store::Connection;
using store::Statement;

namespace {

constexpr std::size_t most_bytes = 64 * 1024;
constexpr auto keep_newest =
    "DELETE FROM command_runs WHERE id IN"
    " (SELECT id FROM command_runs ORDER BY started_at DESC, id DESC LIMIT -1 OFFSET 10000)";

/// What is kept of an answer: the value, or {Kind, Reason, Stack} of an exception.
std::optional<etf::Term> kept(const NodeResult& result) {
  if (result.value) return result.value;
  if (!result.kind) return std::nullopt;
  return etf::tuple(etf::atom(*result.kind), result.reason.value_or(etf::Term()),
                    result.stack.value_or(etf::Term()));
}

void restore(NodeResult& result, const etf::Term& term) {
  if (result.outcome == Outcome::value) {
    result.value = term;
  } else if (auto* parts = term.tuple(3)) {
    result.kind = (*parts)[0].get_if<etf::Atom>() ? (*parts)[0].get_if<etf::Atom>()->name : "error";
    result.reason = (*parts)[1];
    result.stack = (*parts)[2];
  }
}

Result<> insert_result(Connection& db, const std::string& run, const NodeResult& result) {
  Statement s(
      db,
      "INSERT INTO command_results (run_id, node_id, node_name, outcome, value, duration_ms)"
      " VALUES (?, ?, ?, ?, ?, ?)");
  s.bind(run).bind(result.id).bind(result.node.text);
  s.bind(boost::describe::enum_to_string(result.outcome, ""));
  auto term = kept(result);
  auto bytes = term ? etf::encode_external(*term) : std::string();
  if (bytes.empty() || bytes.size() > most_bytes) {
    s.bind(std::nullopt);
  } else {
    s.bind_blob(bytes);
  }
  return s.bind(result.duration_ms).run();
}

std::optional<Timestamp> time_or_null(const Statement& s, int column) {
  if (s.is_null(column)) return std::nullopt;
  return s.time(column);
}

}  // namespace

Task<> Runs::begin(const RunView& run, std::string arguments) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db,
                "INSERT INTO command_runs (id, module, function, arguments, caller, started_at)"
                " VALUES (?, ?, ?, ?, ?, ?)");
    s.bind(run.id).bind(run.module).bind(run.function).bind_blob(arguments);
    TRYV(s.bind(run.caller).bind(run.started_at).run());
    return Statement(db, keep_newest).run();
  };
  co_return co_await database_.write(job);
}

Task<> Runs::finish(const RunView& run) {
  auto job = [&](Connection& db) -> Result<> {
    for (auto& result : run.results) TRYV(insert_result(db, run.id, result));
    Statement s(db, "UPDATE command_runs SET finished_at = ? WHERE id = ?");
    return s.bind(run.finished_at).bind(run.id).run();
  };
  co_return co_await database_.write(job);
}

Task<RunView> Runs::get(std::string id) {
  auto job = [&](Connection& db) -> Result<RunView> {
    Statement head(db,
                   "SELECT id, module, function, caller, started_at, finished_at FROM command_runs "
                   "WHERE id = ?");
    head.bind(id);
    if (!head.step()) {
      TRYV(head.result());
      return Error(Errc::not_found, "no run '" + id + "'");
    }
    RunView run{head.text(0),
                head.text(1),
                head.text(2),
                head.text(3),
                head.time(4),
                time_or_null(head, 5),
                {}};
    Statement s(db,
                "SELECT node_id, node_name, outcome, value, duration_ms FROM command_results WHERE "
                "run_id = ?"
                " ORDER BY node_name");
    s.bind(id);
    while (s.step()) {
      NodeResult result;
      result.id = s.text(0);
      result.node = {s.text(1)};
      boost::describe::enum_from_string(s.text(2).c_str(), result.outcome);
      if (!s.is_null(3)) {
        TRY(auto term, etf::decode_external(s.blob(3)));
        restore(result, term);
      }
      result.duration_ms = static_cast<std::uint32_t>(s.integer(4));
      run.results.push_back(std::move(result));
    }
    TRYV(s.result());
    return run;
  };
  co_return co_await database_.read(job);
}

Task<ops::Page<RunSummary>> Runs::list(ops::PageRequest request) {
  auto job = [&](Connection& db) -> Result<ops::Page<RunSummary>> {
    Statement s(
        db,
        "SELECT r.id, r.module, r.function, r.caller, r.started_at, r.finished_at,"
        " (SELECT count(*) FROM command_results c WHERE c.run_id = r.id) FROM command_runs r"
        " WHERE ?1 IS NULL OR (r.started_at, r.id) <"
        " (SELECT started_at, id FROM command_runs WHERE id = ?1)"
        " ORDER BY r.started_at DESC, r.id DESC LIMIT ?2");
    s.bind(request.after).bind(static_cast<std::int64_t>(request.count() + 1));
    ops::Page<RunSummary> page;
    while (s.step()) {
      if (page.items.size() == request.count()) {
        page.next = page.items.back().id;
        break;
      }
      page.items.push_back({s.text(0), s.text(1), s.text(2), s.text(3), s.time(4),
                            time_or_null(s, 5), static_cast<std::uint32_t>(s.integer(6))});
    }
    TRYV(s.result());
    return page;
  };
  co_return co_await database_.read(job);
}

}  // namespace muster::commands
