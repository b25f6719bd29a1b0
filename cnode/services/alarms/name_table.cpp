#include "services/alarms/name_table.h"

namespace muster::alarms {

std::optional<NameTable::Number> NameTable::use(const std::string& name) {
  auto known = numbers_.find(name);
  if (known == numbers_.end()) {
    if (numbers_.size() >= most) return std::nullopt;
    if (free_.empty()) {
      free_.push_back(static_cast<Number>(names_.size()));
      names_.emplace_back();
    }
    known = numbers_.emplace(name, free_.back()).first;
    names_[free_.back()].text = name;
    free_.pop_back();
  }
  ++names_[known->second].uses;
  return known->second;
}

void NameTable::let_go(Number number) {
  auto& name = names_[number];
  if (--name.uses > 0) return;
  numbers_.erase(name.text);
  name.text = std::string();
  (holds_ > 0 ? held_ : free_).push_back(number);
}

NameTable::Hold::~Hold() {
  if (--table_.holds_ > 0) return;
  table_.free_.insert(table_.free_.end(), table_.held_.begin(), table_.held_.end());
  table_.held_.clear();
}

}  // namespace muster::alarms
