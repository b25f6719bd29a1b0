#include "services/alarms/rule_rows.h"

namespace muster::alarms {

using store::Connection;
using store::Statement;

Task<std::vector<Rule>> RuleRows::all() {
  auto job = [](Connection& db) -> Result<std::vector<Rule>> {
    Statement s(db, "SELECT document FROM alarm_rules ORDER BY id");
    std::vector<Rule> rules;
    while (s.step()) {
      boost::system::error_code ec;
      auto document = ops::json::parse(s.text(0), ec);
      if (ec) return Error(Errc::internal, "a rule's row is damaged: " + ec.message());
      TRY(auto rule, ops::read<Rule>(ops::Input(document)));
      rules.push_back(std::move(rule));
    }
    TRYV(s.result());
    return rules;
  };
  co_return co_await database_.read(job);
}

Task<> RuleRows::save(const Rule& rule) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db, "INSERT OR REPLACE INTO alarm_rules (id, document) VALUES (?, ?)");
    return s.bind(rule.id).bind(ops::json::serialize(ops::to_json(rule))).run();
  };
  co_return co_await database_.write(job);
}

Task<> RuleRows::remove(std::string id) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db, "DELETE FROM alarm_rules WHERE id = ?");
    return s.bind(id).run();
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::alarms
