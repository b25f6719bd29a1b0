#include "services/notifications/levels.h"

#include <boost/describe/enum_from_string.hpp>
#include <boost/describe/enum_to_string.hpp>

namespace muster::notifications {

using store::Connection;
using store::Statement;

std::map<std::string, Level> Levels::of(const std::string& node, const std::string& family) const {
  std::map<std::string, Level> held{{"", standard}};
  // Each overrules what came before, of its source or of all. The one without a source comes first.
  auto overrule = [&](const Scope& whose) {
    for (auto at = set_.lower_bound(whose); at != set_.end(); ++at) {
      auto& [scope, level] = *at;
      if (scope.node != whose.node || scope.family != whose.family) break;
      if (scope.source.empty()) held.clear();
      held[scope.source] = level;
    }
  };
  overrule({});
  if (!family.empty()) overrule({"", family, ""});
  if (!node.empty()) overrule({node, "", ""});
  return held;
}

Task<Levels> LevelRows::all() {
  auto job = [](Connection& db) -> Result<Levels> {
    Levels levels;
    Statement s(db, "SELECT node, family, source, level FROM notification_levels");
    while (s.step()) {
      Level level;
      if (boost::describe::enum_from_string(s.text(3).c_str(), level))
        levels.set({s.text(0), s.text(1), s.text(2)}, level);
    }
    TRYV(s.result());
    return levels;
  };
  co_return co_await database_.read(job);
}

Task<> LevelRows::set(Levels::Scope scope, Level level) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db,
                "INSERT INTO notification_levels (node, family, source, level) VALUES (?, ?, ?, ?)"
                " ON CONFLICT DO UPDATE SET level = excluded.level");
    s.bind(scope.node).bind(scope.family).bind(scope.source);
    return s.bind(boost::describe::enum_to_string(level, "")).run();
  };
  co_return co_await database_.write(job);
}

Task<> LevelRows::clear(Levels::Scope scope) {
  auto job = [&](Connection& db) -> Result<> {
    Statement s(db, "DELETE FROM notification_levels WHERE node = ? AND family = ? AND source = ?");
    return s.bind(scope.node).bind(scope.family).bind(scope.source).run();
  };
  co_return co_await database_.write(job);
}

}  // namespace muster::notifications
