#include "answers.h"

#include <optional>

#include "etf/decode.h"
#include "etf/tags.h"

namespace muster::farm {
namespace {

using etf::atom;
using etf::Term;
using Arguments = std::vector<Term>;

constexpr std::uint32_t network = 127U << 24 | 1U << 16;  // 127.1.0.0; node 1 is 127.1.0.1
constexpr unsigned most = 0xfd0000;

std::optional<Term> evaluate(const NodeId& node, const std::string& module,
                             const std::string& function, const Arguments& arguments);

std::optional<Term> system_info(const NodeId& node, const Term& key) {
  if (key.is_atom("otp_release")) return Term(etf::CharList{"27"});
  if (key.is_atom("version")) return Term(etf::CharList{"15.2.7"});
  if (key.is_atom("system_architecture")) return Term(etf::CharList{"x86_64-pc-linux-gnu"});
  if (key.is_atom("start_time")) return Term(std::int64_t{-576460751000000000} + node.number);
  if (key.is_atom("creation")) return Term(std::int64_t{node.number});
  if (key.is_atom("process_count")) return Term(50);
  return std::nullopt;
}

/// apply(fun M:F/A, Arguments): external funs only.
std::optional<Term> apply_fun(const NodeId& node, const etf::Fun& fun, const Arguments& arguments) {
  std::string_view bytes = fun.encoded;
  if (bytes.empty() || static_cast<unsigned char>(bytes[0]) != etf::tag::export_fun)
    return std::nullopt;
  bytes.remove_prefix(1);
  auto module = etf::decode_front(bytes);
  auto function = module ? etf::decode_front(bytes) : module;
  std::string module_name, function_name;
  if (!function || !module->text(module_name) || !function->text(function_name))
    return std::nullopt;
  return evaluate(node, module_name, function_name, arguments);
}

/// lists:map, lists:zipwith, lists:zipwith3: the first argument applied along the others.
std::optional<Term> map_lists(const NodeId& node, const Arguments& arguments) {
  const auto* fun = arguments.empty() ? nullptr : arguments[0].get_if<etf::Fun>();
  std::vector<Arguments> columns(arguments.size());
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    if (!arguments[i].proper_list(columns[i]) || columns[i].size() != columns[1].size())
      return std::nullopt;
  }
  if (fun == nullptr || arguments.size() < 2) return std::nullopt;
  etf::List values;
  for (std::size_t row = 0; row < columns[1].size(); ++row) {
    Arguments one;
    for (std::size_t i = 1; i < arguments.size(); ++i) one.push_back(columns[i][row]);
    auto value = apply_fun(node, *fun, one);
    if (!value) return std::nullopt;
    values.elements.push_back(std::move(*value));
  }
  return Term(std::move(values));
}

std::optional<Term> apply(const NodeId& node, const Arguments& arguments) {
  std::string module, function;
  Arguments inner;
  if (!arguments[0].text(module) || !arguments[1].text(function) ||
      !arguments[2].proper_list(inner)) {
    return std::nullopt;
  }
  return evaluate(node, module, function, inner);
}

std::optional<Term> evaluate(const NodeId& node, const std::string& module,
                             const std::string& function, const Arguments& arguments) {
  const std::string called = module + ":" + function + "/" + std::to_string(arguments.size());
  if (called == "erlang:apply/3") return apply(node, arguments);
  if (called == "lists:map/2" || called == "lists:zipwith/3" || called == "lists:zipwith3/4") {
    return map_lists(node, arguments);
  }
  if (called == "erlang:system_info/1") return system_info(node, arguments[0]);
  if (called == "erlang:node/0") return atom(node.name());
  if (called == "erlang:time_offset/0")
    return Term(std::int64_t{1'700'000'000'000'000'000 + 576460751000000000});
  if (called == "erlang:convert_time_unit/3") return Term(std::int64_t{1'000'000'000});
  if (called == "init:script_id/0")
    return etf::tuple(Term(etf::CharList{"farm"}), Term(etf::CharList{"1"}));
  return std::nullopt;
}

}  // namespace

std::string NodeId::address() const {
  const std::uint32_t at = network + number;
  return "127." + std::to_string(at >> 16 & 255) + "." + std::to_string(at >> 8 & 255) + "." +
         std::to_string(at & 255);
}

NodeId NodeId::at(std::uint32_t address) {
  return {address > network && address - network <= most ? address - network : 0};
}

std::vector<Term> call(const NodeId& node, const std::string& module, const std::string& function,
                       const Arguments& arguments) {
  if (auto value = evaluate(node, module, function, arguments))
    return {atom("return"), std::move(*value)};
  etf::List list{arguments, nullptr};
  return {atom("error"), atom("undef"),
          etf::list(etf::tuple(atom(module), atom(function), std::move(list), Term()))};
}

}  // namespace muster::farm
