#include "services/orchestration/placement.h"

#include <functional>
#include <queue>
#include <utility>

namespace muster::orchestration {

std::vector<std::size_t> place(std::size_t amount, const std::vector<Place>& places) {
  using Candidate = std::pair<std::size_t, std::size_t>;  // load, index
  std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> free;
  for (std::size_t i = 0; i < places.size(); ++i) free.emplace(places[i].load, i);
  std::vector<std::size_t> chosen;
  chosen.reserve(amount);
  while (chosen.size() < amount) {
    auto [load, index] = free.top();
    free.pop();
    chosen.push_back(index);
    free.emplace(load + 1, index);
  }
  return chosen;
}

}  // namespace muster::orchestration
