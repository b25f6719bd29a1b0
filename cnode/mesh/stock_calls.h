#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "etf/term.h"

namespace muster::mesh {

/// Several calls of stock functions in one round trip and one spawned process:
///     lists:zipwith3(fun erlang:apply/3, Modules, Functions, Arguments)
/// Every OTP since 21 has it; the answer is the list of values in the same order, or the first
/// call's exception.
class StockCalls {
 public:
  StockCalls& add(std::string_view module, std::string_view function, etf::Term arguments = {});

  static constexpr const char* module = "lists";
  static constexpr const char* function = "zipwith3";
  std::vector<etf::Term> arguments() &&;

 private:
  etf::List modules_, functions_, arguments_;
};

}  // namespace muster::mesh
