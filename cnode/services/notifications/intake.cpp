#include "services/notifications/intake.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

namespace muster::notifications {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t one_turn = 32;
constexpr std::size_t most_taken_bytes = 4 << 20;
constexpr std::uint64_t most_dropped = 1'000'000'000;  ///< of a source, between two announcements
constexpr auto between_announcements = 1s;

/// The count is said in the daemon's own words, so a node's names for its sources are not in it.
void count(std::map<std::string, std::uint64_t>& drops, const std::string& source,
           std::uint64_t number) {
  static const std::set<std::string, std::less<>> known{
      "logger", "sasl", "error_logger", "lager", "system_monitor", "crash_dump", "unreadable"};
  auto& sum = drops[known.contains(source) ? source : "other"];
  sum += std::min(number, most_dropped - std::min(sum, most_dropped));
}

std::string text_of(const std::map<std::string, std::uint64_t>& drops, std::string_view why) {
  std::uint64_t sum = 0;
  std::string sources;
  for (auto& [source, number] : drops) {
    sum += number;
    sources += fmt::format("{}{}: {}", sources.empty() ? "" : ", ", source, number);
  }
  return fmt::format("{} notifications dropped {} ({})", sum, why, sources);
}

}  // namespace

Intake::Node& Intake::node_of(const Entry& entry, Time now) {
  auto [at, is_new] = nodes_.try_emplace(entry.node);
  auto& node = at->second;
  if (is_new) {
    node.tokens = limits_.burst;
    node.filled = now;
  }
  node.node_id = entry.node_id;
  node.node = entry.node;
  node.family = entry.family;
  return node;
}

bool Intake::has_room(const Node& node, std::size_t bytes) const {
  if (node.queue.size() >= limits_.queued || node.bytes + bytes > limits_.queued_bytes)
    return false;
  // When all together have too much, those with more than their share give way.
  return bytes_ + bytes <= limits_.all_bytes ||
         (node.bytes + bytes) * turns_.size() <= limits_.all_bytes;
}

/// In steps, so that few of its changes concern the budget.
bool Intake::claim(Node& node, std::size_t bytes) {
  constexpr std::size_t unclaimed = 64 * 1024, step = 64 * 1024;
  if (bytes <= unclaimed) return node.held.reset(), true;
  if (!node.held)
    node.held = std::make_unique<Held>(budget_, "notifications:" + node.node,
                                       [this, &node] { empty_out(node); });
  return node.held->claim.set((bytes + step - 1) / step * step);
}

/// Others need the memory.
void Intake::empty_out(Node& node) {
  for (auto& entry : node.queue) count_drop(node, entry.source);
  node.queue.clear();
  bytes_ -= std::exchange(node.bytes, 0);
  node.held->claim.set(0);
}

void Intake::count_drop(Node& node, const std::string& source) {
  if (node.dropped_here.empty() && node.dropped_there.empty()) with_drops_.push_back(&node);
  count(node.dropped_here, source, 1);
  ++dropped_;
}

void Intake::offer(Entry entry, Time now) {
  auto& node = node_of(entry, now);
  std::chrono::duration<double> passed = now - node.filled;
  node.filled = now;
  node.tokens = std::min(limits_.burst, node.tokens + passed.count() * limits_.per_second);
  bool fits =
      node.tokens >= 1 && has_room(node, entry.bytes()) && claim(node, node.bytes + entry.bytes());
  if (!fits) return count_drop(node, entry.source);
  node.tokens -= 1;
  push(node, std::move(entry), false);
}

void Intake::dropped_on_node(const Entry& origin, const std::string& source, std::uint64_t number) {
  auto& node = node_of(origin, {});
  if (node.dropped_here.empty() && node.dropped_there.empty()) with_drops_.push_back(&node);
  count(node.dropped_there, source, number);
}

void Intake::push(Node& node, Entry entry, bool in_front) {
  node.bytes += entry.bytes();
  bytes_ += entry.bytes();
  if (in_front)
    node.queue.push_front(std::move(entry));
  else
    node.queue.push_back(std::move(entry));
  if (node.has_turn) return;
  node.has_turn = true;
  turns_.push_back(&node);
}

std::vector<Entry> Intake::take(std::size_t most, Timestamp at, Time now) {
  std::vector<Entry> taken;
  announce(at, now, taken);
  std::size_t bytes = 0;
  while (taken.size() < most && bytes < most_taken_bytes && !turns_.empty()) {
    auto& node = *turns_.front();
    turns_.pop_front();
    for (std::size_t i = 0; i < one_turn && taken.size() < most && !node.queue.empty(); ++i) {
      auto& entry = node.queue.front();
      node.bytes -= entry.bytes();
      bytes_ -= entry.bytes();
      bytes += entry.bytes();
      entry.at = at;
      taken.push_back(std::move(entry));
      node.queue.pop_front();
    }
    claim(node, node.bytes);
    node.has_turn = !node.queue.empty();
    if (node.has_turn) turns_.push_back(&node);
  }
  return taken;
}

void Intake::put_back(std::vector<Entry> entries) {
  for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
    auto& node = node_of(*entry, {});
    claim(node, node.bytes + entry->bytes());  // refused, it is kept: it was here before
    push(node, std::move(*entry), true);
  }
}

void Intake::forget(const std::string& name) {
  auto at = nodes_.find(name);
  if (at == nodes_.end()) return;
  std::erase(turns_, &at->second);
  std::erase(with_drops_, &at->second);
  bytes_ -= at->second.bytes;
  nodes_.erase(at);
}

void Intake::announce(Timestamp at, Time now, std::vector<Entry>& out) {
  std::erase_if(with_drops_, [&](Node* node) {
    if (now - node->announced < between_announcements) return false;
    node->announced = now;
    auto say = [&](std::map<std::string, std::uint64_t>& drops, std::string_view why) {
      if (drops.empty()) return;
      Entry entry;
      entry.at = at;
      entry.severity = Severity::warning;
      entry.node_id = node->node_id;
      entry.node = node->node;
      entry.family = node->family;
      entry.source = "muster";
      entry.kind = "dropped";
      entry.text = text_of(drops, why);
      out.push_back(std::move(entry));
      drops.clear();
    };
    say(node->dropped_there, "by the node's agent");
    say(node->dropped_here, fmt::format("here: more than {} a second, or than there is memory for",
                                        limits_.per_second));
    return true;
  });
}

}  // namespace muster::notifications
