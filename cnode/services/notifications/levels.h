#pragma once

#include <map>
#include <string>

#include "services/notifications/types.h"
#include "store/database.h"

namespace muster::notifications {

/// Which level was set for what. Of all that fit a node and a source, the nearest holds: the node's
/// before its family's before that of all; in each, the one for the source before the one without.
/// Plain data.
class Levels {
 public:
  static constexpr Level standard = Level::error;

  /// Whom a setting is for: node or family (by name), or neither; any source when empty.
  struct Scope {
    std::string node, family, source;
    auto operator<=>(const Scope&) const = default;
  };
  void set(Scope scope, Level level) { set_[std::move(scope)] = level; }
  void clear(const Scope& scope) { set_.erase(scope); }
  const std::map<Scope, Level>& all() const { return set_; }

  /// What holds for a node: by source, "" for all that are not named.
  std::map<std::string, Level> of(const std::string& node, const std::string& family) const;

 private:
  std::map<Scope, Level> set_;
};

/// The table `notification_levels`.
class LevelRows {
 public:
  explicit LevelRows(store::Database& database) : database_(database) {}

  Task<Levels> all();
  Task<> set(Levels::Scope scope, Level level);
  Task<> clear(Levels::Scope scope);

 private:
  store::Database& database_;
};

}  // namespace muster::notifications
