#include "services/metrics/stock_reader.h"

#include <boost/algorithm/string/split.hpp>
#include <charconv>
#include <span>

#include "services/metrics/catalogue.h"

namespace muster::metrics {
namespace {

/// Null where there is nothing; `length` keeps what is counted.
const etf::Term* step_into(const etf::Term& term, const std::string& key, etf::Term& length) {
  if (key == "#") {
    std::size_t count = 0;
    if (auto* list = term.get_if<etf::List>(); list && !list->tail)
      count = list->elements.size();
    else if (auto* chars = term.get_if<etf::CharList>())
      count = chars->bytes.size();
    else
      return nullptr;
    length = static_cast<std::int64_t>(count);
    return &length;
  }
  std::size_t place = 0;
  auto [end, ec] = std::from_chars(key.data(), key.data() + key.size(), place);
  if (ec == std::errc() && end == key.data() + key.size()) {
    auto* tuple = term.get_if<etf::Tuple>();
    return tuple && place > 0 && place <= tuple->elements.size() ? &tuple->elements[place - 1]
                                                                 : nullptr;
  }
  if (auto* map = term.get_if<etf::Map>()) return map->find(key);
  if (auto* list = term.get_if<etf::List>())
    for (auto& element : list->elements)
      if (auto* pair = element.tuple(2); pair && (*pair)[0].is_atom(key)) return &(*pair)[1];
  return nullptr;
}

void put(etf::Map& map, std::span<const std::string> path, etf::Term value) {
  if (path.size() == 1) {
    map.pairs.emplace_back(etf::atom(path[0]), std::move(value));
    return;
  }
  auto inner = std::find_if(map.pairs.begin(), map.pairs.end(),
                            [&](auto& pair) { return pair.first.is_atom(path[0]); });
  if (inner == map.pairs.end())
    inner = map.pairs.insert(inner, {etf::atom(path[0]), etf::Term(etf::Map{})});
  if (auto* next = inner->second.get_if<etf::Map>()) put(*next, path.subspan(1), std::move(value));
}

}  // namespace

StockReader::StockReader() {
  auto& metrics = catalogue();
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    std::string_view stock = metrics[i].stock;
    if (!stock.starts_with("erlang:") || metrics[i].cost != "cheap" || metrics[i].has_needs)
      continue;
    auto open = stock.find('('), close = stock.find(')');
    if (open == stock.npos || close == stock.npos) continue;
    std::string function(stock.substr(7, open - 7));
    std::string argument(stock.substr(open + 1, close - open - 1));
    auto call = std::find_if(calls_.begin(), calls_.end(), [&](auto& known) {
      return known.function == function && known.argument == argument;
    });
    if (call == calls_.end()) call = calls_.insert(calls_.end(), {function, argument, {}});
    Wanted wanted{i, {}};
    auto& path = metrics[i].stock_path;
    if (!path.empty()) boost::algorithm::split(wanted.path, path, [](char c) { return c == '.'; });
    call->wanted.push_back(std::move(wanted));
  }
}

mesh::StockCalls StockReader::calls() const {
  mesh::StockCalls calls;
  for (auto& call : calls_)
    calls.add("erlang", call.function,
              call.argument.empty() ? etf::Term() : etf::list(etf::atom(call.argument)));
  return calls;
}

etf::Term StockReader::sample(const etf::Term& answers) const {
  etf::Map values;
  std::vector<etf::Term> answered;
  if (!answers.proper_list(answered) || answered.size() != calls_.size()) return etf::Map{};
  for (std::size_t i = 0; i < calls_.size(); ++i)
    for (auto& wanted : calls_[i].wanted) {
      const etf::Term* at = &answered[i];
      etf::Term length;
      for (auto& key : wanted.path)
        if (at) at = step_into(*at, key, length);
      if (!at) continue;
      bool is_truth = at->is_atom("true") || at->is_atom("false");
      put(values, catalogue()[wanted.metric].path,
          is_truth ? etf::Term(std::int64_t{at->is_atom("true")}) : *at);
    }
  etf::Map sample;
  sample.pairs.emplace_back(etf::atom("values"), std::move(values));
  return sample;
}

}  // namespace muster::metrics
