#include "services/notifications/shares.h"

#include <algorithm>
#include <utility>

namespace muster::notifications {

using namespace std::chrono_literals;

namespace {

constexpr double seconds_of_a_day = 86400;
constexpr auto quiet = 30s;

/// About what it takes on disk: its words are in an index beside it, which can be larger than they.
double bytes_on_disk(const Entry& entry) {
  return static_cast<double>(entry.bytes()) + 1.5 * static_cast<double>(entry.text.size());
}

}  // namespace

bool Shares::admits(const std::string& name, const Entry& entry, Time now) {
  auto [at, is_new] = nodes_.try_emplace(name);
  auto& node = at->second;
  if (is_new) {
    node.bytes = most_;
    node.filled = now;
    changes_.push_back({name});
  }
  std::chrono::duration<double> passed = now - node.filled;
  node.filled = now;
  node.bytes = std::min(most_, node.bytes + passed.count() * most_ / seconds_of_a_day);
  auto bytes = bytes_on_disk(entry);
  if (bytes <= node.bytes) {
    node.bytes -= bytes;
    return true;
  }
  node.refused = now;
  ++node.left_out;
  ++left_out_;
  if (!node.is_over) {
    node.is_over = true;
    over_.insert(name);
    changes_.push_back({name, true});
  }
  return false;
}

void Shares::forget(const std::string& name) {
  nodes_.erase(name);
  over_.erase(name);
  std::erase_if(changes_, [&](const Change& change) { return change.node == name; });
}

std::vector<Shares::Change> Shares::take_changes(Time now) {
  std::erase_if(over_, [&](const std::string& name) {
    auto& node = nodes_.at(name);
    if (now - node.refused < quiet) return false;
    node.is_over = false;
    changes_.push_back({name, false, std::exchange(node.left_out, 0)});
    return true;
  });
  return std::exchange(changes_, {});
}

}  // namespace muster::notifications
