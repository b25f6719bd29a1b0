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

/// Walks a system of connected nodes level by level, from one seed. Plain data: the owner asks the
/// nodes of each level and says what they answered.
class Discovery {
 public:
  /// `limit`: a system larger than that is not walked to its end.
  Discovery(std::string seed, std::size_t limit) : limit_(limit) { see(seed, ""); }

  struct Found {
    std::string name, seen_from;
  };
  /// The nodes to ask next; empty at the end.
  std::vector<Found> take_level();
  /// True when the node counts: no remote shell, no dynamic name. Its own neighbours are then on
  /// the next level.
  bool answered(const std::string& name, const Neighbours& neighbours);

 private:
  void see(const std::string& name, const std::string& from);

  std::size_t limit_;
  std::set<std::string> seen_;
  std::vector<Found> next_;
};

}  // namespace muster::topology
