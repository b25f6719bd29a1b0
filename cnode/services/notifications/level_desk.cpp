#include "services/notifications/level_desk.h"

#include <fmt/format.h>

#include <boost/describe/enum_to_string.hpp>

#include "base/turn.h"
#include "etf/term.h"
#include "ops/rows.h"

namespace muster::notifications {

namespace {

std::optional<std::string> unless_empty(const std::string& text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::vector<ops::Operation> LevelDesk::operations() {
  using ops::Role;
  ops::Rows rows("notifications", *this);
  rows.add("levels", {"GET", "/api/notifications/levels"}, Role::viewer,
           "From which severity on notifications are wanted", &LevelDesk::levels);
  rows.add("set_level", {"PUT", "/api/notifications/levels"}, Role::operator_,
           "From which severity on a node, a family or all are to say something, at once",
           &LevelDesk::set_level);
  return rows.take();
}

Task<> LevelDesk::start() {
  CO_TRY(levels_, co_await rows_.all());
  co_return Result<>();
}

void LevelDesk::node_up(const std::string& name) {
  up_.insert(name);
  configure(name);
}

/// An agent merges what it is told with what it knew: all its sources are named each time.
void LevelDesk::configure(const std::string& node) {
  auto row = topology_.find(node);
  if (!row) return;
  auto held = levels_.of(row->name, row->family.value_or(""));
  for (auto* source : {"logger", "error_logger", "sasl", "lager", "system_monitor"})
    held.try_emplace(source, held[""]);
  held.erase("");
  etf::Map levels;
  for (auto& [source, level] : held)
    levels.pairs.emplace_back(etf::atom(source),
                              etf::atom(boost::describe::enum_to_string(level, "")));
  etf::Map settings;
  settings.pairs.emplace_back(etf::atom("levels"), std::move(levels));
  settings.pairs.emplace_back(etf::atom("rate"), static_cast<std::int64_t>(rate_));
  configure_(node, std::move(settings));
}

/// Thousands may be UP. Those that come and go meanwhile are told, or need it no more.
asio::awaitable<void> LevelDesk::configure_all() {
  Turn turn;
  for (auto at = up_.begin(); at != up_.end();) {
    auto name = *at;
    configure(name);
    if (turn.is_over()) co_await next_turn(turn);
    at = up_.upper_bound(name);
  }
}

Result<Levels::Scope> LevelDesk::scope_of(const SetLevel& request) const {
  Levels::Scope scope;
  if (request.node && request.family)
    return Error(Errc::bad_request, "either node or family wanted", "/family");
  if (request.node) {
    auto row = topology_.find(*request.node);
    if (!row) return Error(Errc::not_found, row.error().message, "/node");
    scope.node = row->name;
  }
  if (request.family) {
    auto rows = topology_.of_family(*request.family);
    if (!rows) return Error(Errc::not_found, rows.error().message, "/family");
    scope.family = rows->front().family.value_or(*request.family);
  }
  constexpr std::size_t longest = 64;
  if (request.source) scope.source = *request.source;
  if (scope.source.size() > longest || (request.source && scope.source.empty()))
    return Error(Errc::bad_request, "the name of a source wanted", "/source");
  return scope;
}

Task<LevelsView> LevelDesk::set_level(SetLevel request, ops::Caller) {
  CO_TRY(auto scope, scope_of(request));
  constexpr std::size_t most_levels = 10'000;
  if (request.level && levels_.all().size() >= most_levels && !levels_.all().contains(scope))
    co_return Error(Errc::quota, fmt::format("there are {} levels", most_levels));
  if (request.level) {
    CO_TRYV(co_await rows_.set(scope, *request.level));
    levels_.set(scope, *request.level);
  } else {
    CO_TRYV(co_await rows_.clear(scope));
    levels_.clear(scope);
  }
  co_await configure_all();
  co_return view();
}

LevelsView LevelDesk::view() const {
  LevelsView shown;
  for (auto& [scope, level] : levels_.all()) {
    LevelView item{std::nullopt, unless_empty(scope.family), unless_empty(scope.source), level};
    if (!scope.node.empty()) item.node = ops::NodeName{scope.node};
    shown.items.push_back(std::move(item));
  }
  return shown;
}

Result<LevelsView> LevelDesk::levels(ListLevels request, const ops::Caller&) {
  auto shown = view();
  if (request.node) {
    TRY(auto row, topology_.find(*request.node));
    for (auto& [source, level] : levels_.of(row.name, row.family.value_or("")))
      shown.of_node.push_back({ops::NodeName{row.name}, row.family, unless_empty(source), level});
  }
  return shown;
}

}  // namespace muster::notifications
