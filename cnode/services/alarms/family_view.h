#pragma once

#include <map>
#include <set>
#include <unordered_map>

#include "base/turn.h"
#include "etf/term.h"
#include "services/alarms/alarm.h"
#include "services/alarms/name_table.h"
#include "services/alarms/partitions.h"

namespace muster::alarms {

/// What is wrong with a family as a whole.
struct FamilyFinding {
  std::string condition;
  bool holds = false;
  std::optional<ops::json::value> evidence;
};

/// What the nodes of each family say of themselves (agent `alarms`: applications, modules,
/// configuration as hashes, time zone, peers), and where they differ. Plain code; owned by Watch.
/// Names are kept once for a family, so that 10,000 nodes with 500 modules each cost 40 MB. What a
/// node says is bounded: 1,000 applications, 20,000 peers, 10,000 names in any other check, of
/// 512 KiB; and it goes with its node, a family with its last.
class FamilyView {
 public:
  static constexpr std::size_t most_applications = 1000;  ///< of a node

  /// Takes one of the agent's checks; others are ignored. Says which applications are gone.
  std::vector<std::string> learn(const Subject& node, const std::string& check,
                                 const etf::Term& found);
  /// The node is down, restarted or no longer managed: what it said counts no more.
  void forget(const Subject& node);
  /// The families that have changed since they were last taken.
  std::set<std::string> take_changed();
  /// To be called when what was found of the family is told: one without nodes goes.
  void let_go_if_empty(const std::string& family_id);
  /// All findings of a family, those that do not hold as well. Nodes that were started as a plain
  /// `erl` are no release: of them only partitions are looked for. A large family takes many turns
  /// of the loop; what changes meanwhile makes it a changed one again.
  asio::awaitable<std::vector<FamilyFinding>> compare(std::string family_id);
  /// The family as a subject.
  Subject subject(const std::string& family_id) const;

 private:
  using Name = NameTable::Number;
  struct Facts {
    std::string node;
    std::optional<std::map<std::string, std::string>> applications;
    std::optional<std::vector<std::pair<Name, std::int64_t>>> modules, config;  ///< sorted
    std::optional<std::int64_t> timezone;
    bool is_embedded = false;  ///< all its code is loaded at start
  };
  struct Family {
    std::string name;
    NameTable names;                     ///< of modules and parameters
    std::map<std::string, Facts> nodes;  ///< by id
    Partitions partitions;
  };
  using Pairs = std::optional<std::vector<std::pair<Name, std::int64_t>>>;

  static Pairs read_pairs(NameTable& names, const etf::Term& found);
  static Pairs read_config(NameTable& names, const etf::Term& found);
  static void make_room(NameTable& names, Pairs& pairs);
  static void replace(NameTable& names, Pairs& pairs, Pairs now);
  using Findings = std::vector<FamilyFinding>;
  template <class Look>
  asio::awaitable<void> each_node(std::string family_id, Look look);
  asio::awaitable<Findings> compare_pairs(std::string family_id, Pairs Facts::*what,
                                          bool embedded_only);
  asio::awaitable<Findings> compare_applications(std::string family_id);
  asio::awaitable<Findings> compare_timezones(std::string family_id);

  std::unordered_map<std::string, Family> families_;  ///< by id
  std::set<std::string> changed_;
};

}  // namespace muster::alarms
