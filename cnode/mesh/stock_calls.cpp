#include "mesh/stock_calls.h"

#include "etf/encode.h"
#include "etf/tags.h"

namespace muster::mesh {
namespace {

/// fun Module:Function/Arity
etf::Term external_fun(std::string_view module, std::string_view function, int arity) {
  etf::Fun fun;
  fun.encoded += static_cast<char>(etf::tag::export_fun);
  etf::encode(etf::atom(module), fun.encoded);
  etf::encode(etf::atom(function), fun.encoded);
  etf::encode(arity, fun.encoded);
  return fun;
}

}  // namespace

StockCalls& StockCalls::add(std::string_view module, std::string_view function,
                            etf::Term arguments) {
  modules_.elements.push_back(etf::atom(module));
  functions_.elements.push_back(etf::atom(function));
  arguments_.elements.push_back(std::move(arguments));
  return *this;
}

std::vector<etf::Term> StockCalls::arguments() && {
  return {external_fun("erlang", "apply", 3), std::move(modules_), std::move(functions_),
          std::move(arguments_)};
}

}  // namespace muster::mesh
