#include "services/commands/runs.h"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

#include "etf/decode.h"
#include "etf/encode.h"

namespace muster::commands {

using store::Connection;
using store::Statement;

namespace {

constexpr std::size_t row_overhead = 128;  // of a result, beside its value
constexpr auto keep_newest =
    "DELETE FROM command_runs WHERE id IN (SELECT id FROM"
    " (SELECT id, row_number() OVER newest AS place, sum(bytes) OVER newest - bytes AS newer"
    " FROM command_runs WINDOW newest AS (ORDER BY started_at DESC, id DESC))"
    " WHERE place > ? OR newer > ?)";

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

std::string arguments_owner(const std::string& run) {
  return "command_runs/" + run + "/arguments";
}
std::string value_owner(const std::string& run, const std::string& node) {
  return "command_results/" + run + "/" + node + "/value";
}

Result<> insert_result(Connection& db, const std::string& run, const NodeResult& result,
                       const std::string& value) {
  Statement s(db,
              "INSERT INTO command_results (run_id, node_id, node_name, outcome, value, sealed, "
              "duration_ms)"
              " VALUES (?, ?, ?, ?, ?, 1, ?)");
  s.bind(run).bind(result.id).bind(result.node.text);
  s.bind(boost::describe::enum_to_string(result.outcome, ""));
  if (value.empty()) {
    s.bind(std::nullopt);
  } else {
    s.bind_blob(value);
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
    auto sealed = cipher_.seal(Secret(std::move(arguments)), arguments_owner(run.id));
    Statement s(db,
                "INSERT INTO command_runs (id, module, function, arguments, sealed, bytes, caller, "
                "started_at) VALUES (?, ?, ?, ?, 1, ?, ?, ?)");
    s.bind(run.id).bind(run.module).bind(run.function).bind_blob(sealed);
    s.bind(static_cast<std::int64_t>(sealed.size()));
    TRYV(s.bind(run.caller).bind(run.started_at).run());
    untrimmed_bytes_ += sealed.size();
    if (++untrimmed_runs_ < bounds_.between_trims && untrimmed_bytes_ <= bounds_.bytes / 16)
      return {};
    Statement trim(db, keep_newest);
    trim.bind(static_cast<std::int64_t>(bounds_.runs));
    TRYV(trim.bind(static_cast<std::int64_t>(bounds_.bytes)).run());
    untrimmed_runs_ = untrimmed_bytes_ = 0;
    return {};
  };
  co_return co_await database_.write(job);
}

Task<> Runs::finish(const RunView& run) {
  auto job = [&](Connection& db) -> Result<> {
    Statement finished(db, "UPDATE command_runs SET finished_at = ? WHERE id = ?");
    TRYV(finished.bind(run.finished_at).bind(run.id).run());
    if (db.changes() == 0) return {};  // so many newer ones that its record is gone
    std::size_t bytes = 0, values = 0;
    for (auto& result : run.results) {
      auto term = kept(result);
      auto value = term ? etf::encode_external(*term) : std::string();
      if (value.size() > bounds_.of_a_value || values + value.size() > bounds_.of_a_run)
        value.clear();
      values += value.size();
      if (!value.empty())
        value = cipher_.seal(Secret(std::move(value)), value_owner(run.id, result.id));
      bytes += row_overhead + value.size();
      TRYV(insert_result(db, run.id, result, value));
    }
    untrimmed_bytes_ += bytes;
    Statement weighed(db, "UPDATE command_runs SET bytes = bytes + ? WHERE id = ?");
    return weighed.bind(static_cast<std::int64_t>(bytes)).bind(run.id).run();
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
                "SELECT node_id, node_name, outcome, value, duration_ms, sealed FROM "
                "command_results WHERE run_id = ?"
                " ORDER BY node_name");
    s.bind(id);
    while (s.step()) {
      NodeResult result;
      result.id = s.text(0);
      result.node = {s.text(1)};
      boost::describe::enum_from_string(s.text(2).c_str(), result.outcome);
      if (!s.is_null(3)) {
        auto value = Secret(s.blob(3));
        if (s.boolean(5)) {
          TRY(value, cipher_.open(value.reveal(), value_owner(id, result.id)));
        }
        TRY(auto term, etf::decode_external(value.reveal()));
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
