#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "etf/term.h"

namespace muster::topology {

/// What one node says when it is asked for its neighbours.
struct Neighbours {
  std::vector<std::string> visible;  ///< erlang:nodes()
  bool is_remote_shell = false;      ///< started with -remsh
  bool is_dynamic = false;           ///< its name was given to it by the first node it met
};

/// lists:zipwith3(fun erlang:apply/3, …) of erlang:nodes/0 and init:get_arguments/0, and its
/// answer. Errors: internal.
Result<Neighbours> parse_neighbours(const etf::Term& answer);

/// Walks a system of connected nodes level by level, from one seed. What nodes say is believed for
/// so many names that nobody knew before, not without end. Plain data: the owner asks the nodes of
/// each level and says what they answered.
class Discovery {
 public:
  /// `limit`: of names for which `is_known` is not true.
  Discovery(std::string seed, std::size_t limit,
            std::function<bool(const std::string&)> is_known = {})
      : limit_(limit), is_known_(std::move(is_known)) {
    seen_.insert(seed);
    next_.push_back({std::move(seed), ""});
  }

  struct Found {
    std::string name, seen_from;
  };
  /// The nodes to ask next; empty at the end.
  std::vector<Found> take_level();
  /// True when the node counts: no remote shell, no dynamic name. Its own neighbours are then on
  /// the next level. Also while others of its level are still asked, so that no answer is kept.
  bool answered(const std::string& name, const Neighbours& neighbours);
  /// What was named and will not be looked at: no names of nodes, or more than the limit. One that
  /// several nodes name counts for each.
  std::size_t left_out() const { return left_out_; }

 private:
  void see(const std::string& name, const std::string& from);

  std::size_t limit_, unknown_ = 0, left_out_ = 0;
  std::function<bool(const std::string&)> is_known_;
  std::set<std::string> seen_;
  std::vector<Found> next_;
};

/// "shop1@db1.example.org": what a node may be called. Error: bad_request at /name.
Result<> check_node_name(const std::string& name);

}  // namespace muster::topology
