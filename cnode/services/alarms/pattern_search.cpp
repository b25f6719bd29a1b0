#include "services/alarms/pattern_search.h"

#include <re2/re2.h>

#include <algorithm>

#include "base/offload.h"

namespace muster::alarms {

asio::awaitable<PatternSearch::Found> PatternSearch::find(Rules rules,
                                                          std::span<const LogLine> lines) {
  if (rules.empty() || lines.empty()) co_return Found{std::vector<Rules>(lines.size())};
  auto job = [&] { return search(rules, lines); };
  co_return co_await offload(thread_, job);
}

/// Each rule has its share of the time, and what those before it have left: a hard one takes
/// nothing from the others.
PatternSearch::Found PatternSearch::search(const Rules& rules, std::span<const LogLine> lines,
                                           std::chrono::steady_clock::duration limit) {
  using Clock = std::chrono::steady_clock;
  Found found{std::vector<Rules>(lines.size())};
  std::vector<bool> is_left_out(lines.size());
  auto share = limit / static_cast<Clock::duration::rep>(std::max<std::size_t>(1, rules.size()));
  auto until = Clock::now();
  for (auto& rule : rules) {
    until += share;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (!looks_at(rule->rule, lines[i])) continue;
      auto& text = lines[i].text;
      if (Clock::now() >= until)
        is_left_out[i] = true;
      else if (re2::RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *rule->pattern))
        found.in[i].push_back(rule);
    }
  }
  found.left_out =
      static_cast<std::size_t>(std::count(is_left_out.begin(), is_left_out.end(), true));
  return found;
}

}  // namespace muster::alarms
