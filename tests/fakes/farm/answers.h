#pragma once

#include <string>
#include <vector>

#include "etf/term.h"

namespace muster::farm {

/// What a simulated node is: the I of fI, and its name and address made from it.
struct NodeId {
  unsigned number = 0;

  std::string alive() const { return "f" + std::to_string(number); }
  std::string address() const;
  std::string name() const { return alive() + "@" + address(); }

  /// The node whose address this is (host byte order); number 0 when no node has it.
  static NodeId at(std::uint32_t address);
};

/// An outcome of a call as erpc words it: {return, Value} or {error, Reason, Stack}, without the
/// call's id.
std::vector<etf::Term> call(const NodeId& node, const std::string& module,
                            const std::string& function, const std::vector<etf::Term>& arguments);

}  // namespace muster::farm
