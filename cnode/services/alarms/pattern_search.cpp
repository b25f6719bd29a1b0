#include "services/alarms/pattern_search.h"

#include <re2/re2.h>

#include <algorithm>
#include <unordered_map>

#include "base/offload.h"

namespace muster::alarms {
namespace {

using Clock = std::chrono::steady_clock;
using Index = std::uint32_t;

/// What is to be looked at: the first line of each node, then the second of each, and so on.
struct Order {
  std::vector<Index> lines;
  std::vector<Index> node_of;   ///< of a line
  std::vector<Index> first_of;  ///< of a node: its first line
};

Order in_turns(std::span<const PatternSearch::Heard> heard) {
  Order order;
  std::unordered_map<std::string_view, Index> nodes;
  std::vector<Index> lines_of;
  std::vector<std::pair<Index, Index>> by_turn;  // which line of its node it is, and where it is
  for (Index i = 0; i < heard.size(); ++i) {
    auto [at, is_new] = nodes.try_emplace(heard[i].node.id, static_cast<Index>(lines_of.size()));
    if (is_new) {
      lines_of.push_back(0);
      order.first_of.push_back(i);
    }
    order.node_of.push_back(at->second);
    by_turn.emplace_back(lines_of[at->second]++, i);
  }
  std::sort(by_turn.begin(), by_turn.end());
  for (auto& [turn, i] : by_turn) order.lines.push_back(i);
  return order;
}

struct Task {
  RuleEngine::RulePtr rule;
  std::vector<Index> lines;
  std::size_t next = 0;
  bool is_done() const { return next == lines.size(); }
};

std::vector<Task> tasks_of(const PatternSearch::Rules& rules,
                           std::span<const PatternSearch::Heard> heard) {
  auto order = in_turns(heard);
  std::vector<Task> tasks;
  for (auto& rule : rules) {
    Task task{rule, {}};
    std::vector<bool> is_covered;
    for (auto first : order.first_of) is_covered.push_back(rule->covers(heard[first].node));
    for (auto i : order.lines)
      if (is_covered[order.node_of[i]] && looks_at(rule->rule, heard[i].line))
        task.lines.push_back(i);
    if (!task.is_done()) tasks.push_back(std::move(task));
  }
  return tasks;
}

}  // namespace

asio::awaitable<PatternSearch::Found> PatternSearch::find(Rules rules,
                                                          std::span<const Heard> heard) {
  if (rules.empty() || heard.empty()) co_return Found{std::vector<Rules>(heard.size())};
  auto job = [&] { return search(rules, heard); };
  co_return co_await offload(thread_, job);
}

PatternSearch::Found PatternSearch::search(const Rules& rules, std::span<const Heard> heard,
                                           Clock::duration limit) {
  Found found{std::vector<Rules>(heard.size())};
  auto tasks = tasks_of(rules, heard);
  const auto until = Clock::now() + limit;
  for (auto now = Clock::now(); !tasks.empty() && now < until; now = Clock::now()) {
    auto share = (until - now) / static_cast<Clock::duration::rep>(tasks.size());
    for (auto& task : tasks) {
      for (auto end = std::min(until, Clock::now() + share); !task.is_done() && Clock::now() < end;
           ++task.next) {
        auto at = task.lines[task.next];
        auto& text = heard[at].line.text;
        if (re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *task.rule->pattern))
          found.in[at].push_back(task.rule);
      }
    }
    std::erase_if(tasks, [](const Task& task) { return task.is_done(); });
  }
  std::vector<bool> is_left_out(heard.size());
  for (auto& task : tasks)
    for (auto i = task.next; i < task.lines.size(); ++i) is_left_out[task.lines[i]] = true;
  found.left_out =
      static_cast<std::size_t>(std::count(is_left_out.begin(), is_left_out.end(), true));
  return found;
}

}  // namespace muster::alarms
