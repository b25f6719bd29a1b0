#include "store/metrics/schedule.h"

#include <fmt/format.h>

#include <charconv>

namespace muster::store {

using std::chrono::seconds;

namespace {

constexpr std::size_t most_tiers = 7;
constexpr std::int64_t hour = 3600, longest = std::int64_t{100} * 366 * 86400;

struct Unit {
  char name;
  std::int64_t seconds;
};
constexpr Unit units[] = {{'y', 365 * 86400}, {'w', 7 * 86400}, {'d', 86400},
                          {'h', 3600},        {'m', 60},        {'s', 1}};

std::string duration_text(seconds value) {
  for (auto& unit : units)
    if (value.count() % unit.seconds == 0)
      return fmt::format("{}{}", value.count() / unit.seconds, unit.name);
  return {};
}

Result<Tier> parse_tier(std::string_view text) {
  auto colon = text.find(':');
  if (colon == text.npos)
    return Error(Errc::bad_request, fmt::format("'{}': wanted STEP:KEEP, like 5m:1d", text));
  TRY(auto step, parse_duration(text.substr(0, colon)));
  TRY(auto keep, parse_duration(text.substr(colon + 1)));
  auto count = step.count();
  if (hour % count != 0 && count % hour != 0)
    return Error(Errc::bad_request,
                 fmt::format("'{}': steps divide an hour or are whole hours", text));
  if (keep < step)
    return Error(Errc::bad_request, fmt::format("'{}': is kept for less than a step", text));
  return Tier{step, keep};
}

}  // namespace

Result<seconds> parse_duration(std::string_view text) {
  std::int64_t count = 0;
  auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (ec == std::errc() && end + 1 == text.data() + text.size() && count > 0)
    for (auto& unit : units)
      if (unit.name == *end && count <= longest / unit.seconds)
        return seconds(count * unit.seconds);
  return Error(Errc::bad_request,
               fmt::format("'{}' is no duration: wanted like 30s, 5m, 1h, 7d, 4w, 1y", text));
}

seconds Tier::span() const {
  return step <= std::chrono::minutes(5) ? seconds(hour) : step * 24;
}

Result<Schedule> parse_schedule(std::string_view text) {
  Schedule schedule;
  while (true) {
    auto begin = text.find_first_not_of(" \t\n,");
    if (begin == text.npos) break;
    text.remove_prefix(begin);
    auto end = std::min(text.find_first_of(" \t\n,"), text.size());
    TRY(auto tier, parse_tier(text.substr(0, end)));
    if (!schedule.empty()) {
      auto& last = schedule.back();
      if (tier.step <= last.step || tier.step.count() % last.step.count() != 0)
        return Error(
            Errc::bad_request,
            fmt::format("'{}': its step is no multiple of the one before", text.substr(0, end)));
      if (tier.keep <= last.keep)
        return Error(Errc::bad_request, fmt::format("'{}': is kept no longer than the one before",
                                                    text.substr(0, end)));
    }
    schedule.push_back(tier);
    text.remove_prefix(end);
  }
  if (schedule.empty()) return Error(Errc::bad_request, "an empty schedule");
  if (schedule.size() > most_tiers)
    return Error(Errc::bad_request, fmt::format("more than {} tiers", most_tiers));
  if (schedule.front().step > std::chrono::hours(1))
    return Error(Errc::bad_request, "the first step is at most an hour");
  return schedule;
}

std::string to_text(const Schedule& schedule) {
  std::string text;
  for (auto& tier : schedule)
    text += fmt::format("{}{}:{}", text.empty() ? "" : " ", duration_text(tier.step),
                        duration_text(tier.keep));
  return text;
}

}  // namespace muster::store
