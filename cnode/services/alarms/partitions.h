#pragma once

#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "ops/convert.h"

namespace muster::alarms {

/// Which nodes of one family do not see each other and should: those that did since both came up,
/// and those of a group of at least three of whose connections three quarters are there. Plain
/// code; owned by FamilyView. In a mesh all nodes see the same set of nodes (themselves included),
/// which is kept and looked at once: a whole mesh of 10,000 nodes is one set. What is kept is
/// bounded, where all sets differ as well: a node whose set has no room is not looked at. Names
/// that nobody sees any more make room when there is none, or when they are half of all.
class Partitions {
 public:
  /// Whom a node says it is connected with now.
  void learn(const std::string& node, const std::vector<std::string>& peers);
  /// It is down: what it said counts no more, and once it is back it need not see anybody.
  void forget(const std::string& node);
  /// Up to 50 pairs and how many there are; empty where all is well.
  ops::json::object find() const;

 private:
  using Number = std::uint32_t;
  using Set = std::vector<Number>;  ///< sorted
  struct SetHash {
    std::size_t operator()(const Set& set) const;
  };
  struct Member {
    const Set* sees = nullptr;
    std::uint64_t came = 0, said = 0;  ///< when it was first and last heard
    std::set<Number> lost;             ///< whom it saw before, both still in the same life
  };
  using Pairs = std::set<std::pair<Number, Number>>;
  struct Group {
    std::vector<Number> members;
    std::uint64_t edges = 0;
  };

  std::optional<Number> number(const std::string& name);
  void make_room(std::size_t names);
  const Set* keep(Set set);
  void let_go(const Set* set);
  bool sees(Number one, Number other) const;
  void note_changes(Number node, Member& member, const Set& now);
  std::unordered_map<Number, Group> groups() const;
  void find_missing(const Group& group, Pairs& apart) const;

  std::unordered_map<std::string, Number> numbers_;
  std::vector<std::string> names_;
  std::vector<Number> free_;                            ///< of names_: nobody's
  std::uint64_t room_made_ = 0;                         ///< when
  std::unordered_map<Set, std::size_t, SetHash> sets_;  ///< how many nodes see it
  std::size_t kept_ = 0;                                ///< numbers in all sets
  std::map<Number, Member> members_;
  std::uint64_t now_ = 0;
};

}  // namespace muster::alarms
