#pragma once

#include "services/alarms/rule.h"
#include "store/database.h"

namespace muster::alarms {

/// The table `alarm_rules`: what users made.
class RuleRows {
 public:
  explicit RuleRows(store::Database& database) : database_(database) {}

  Task<std::vector<Rule>> all();
  Task<> save(const Rule& rule);
  Task<> remove(std::string id);

 private:
  store::Database& database_;
};

}  // namespace muster::alarms
