#include "services/access/audit_log.h"

#include <algorithm>

#include "base/clean_text.h"

namespace muster::access {
namespace {

constexpr std::size_t longest_name = 255;

/// Stands for kinds that are not told apart any more.
constexpr std::string_view others = "others";

std::string key_of(const ops::Attempt& attempt) {
  std::string key;
  for (auto* part :
       {&attempt.caller, &attempt.from, &attempt.operation, &attempt.about, &attempt.code})
    key.append(*part).append(1, '\0');
  return key += static_cast<char>('0' + static_cast<int>(attempt.outcome));
}

}  // namespace

AuditLog::Entries::value_type& AuditLog::entry_for(const ops::Attempt& attempt, Timestamp now) {
  auto key = key_of(attempt);
  auto at = open_.find(key);
  if (at != open_.end() && now - at->second.entry.at < window && now >= at->second.entry.at)
    return *at;
  bool is_refused = attempt.outcome == ops::Outcome::refused;
  if (at == open_.end() && attempt.operation != others) {
    auto kinds = kinds_.find(attempt.caller);
    bool has_many = kinds != kinds_.end() &&
                    kinds->second.of(attempt.outcome) >= (is_refused ? refused_kinds : other_kinds);
    if (has_many || open_.size() >= most_open) {
      ops::Attempt other{
          std::string(others), has_many ? attempt.caller : "others", {}, attempt.role, {},
          attempt.outcome};
      return entry_for(other, now);
    }
  }
  if (at == open_.end()) {
    ++kinds_[attempt.caller].of(attempt.outcome);
    at = open_.try_emplace(std::move(key)).first;
  }
  auto& open = at->second;
  // One that is over and not on disk yet goes on: the disk is slow, and nothing is lost.
  if (open.entry.id != 0 && !open.is_written()) return *at;
  open = Open{};
  auto& entry = open.entry;
  entry.id = next_id_++;
  entry.at = entry.last_at = now;
  entry.count = 0;
  entry.caller = clean_text(attempt.caller, longest_name);
  entry.role = attempt.role;
  entry.from = clean_text(attempt.from, longest_name);
  entry.operation = clean_text(attempt.operation, longest_name);
  entry.about = attempt.about;
  entry.outcome = attempt.outcome;
  if (!attempt.code.empty()) entry.code = attempt.code;
  ages_.emplace_back(now, &*at);
  return *at;
}

void AuditLog::note(const ops::Attempt& attempt, Timestamp now) {
  auto& open = entry_for(attempt, now).second;
  if (open.is_written()) unwritten_.push_back(&open);
  ++open.entry.count;
  open.entry.last_at = now;
}

std::vector<AuditEntry> AuditLog::unwritten() const {
  std::vector<AuditEntry> entries;
  entries.reserve(unwritten_.size());
  for (auto* open : unwritten_) entries.push_back(open->entry);
  std::sort(entries.begin(), entries.end(), [](auto& a, auto& b) { return a.id < b.id; });
  return entries;
}

void AuditLog::written(const std::vector<AuditEntry>& entries, Timestamp now) {
  std::unordered_map<std::int64_t, std::uint64_t> counts;
  for (auto& entry : entries) counts[entry.id] = entry.count;
  std::erase_if(unwritten_, [&](Open* open) {
    auto count = counts.find(open->entry.id);
    if (count != counts.end()) open->written_count = std::max(open->written_count, count->second);
    return open->is_written();
  });
  for (auto left = ages_.size(); left > 0; --left) {
    auto [at, element] = ages_.front();
    auto& open = element->second;
    bool is_opened_anew = open.entry.at != at;
    if (!is_opened_anew && now - at < window && now >= at) break;
    ages_.pop_front();
    if (is_opened_anew) continue;
    if (open.is_written())
      forget(*element);
    else
      ages_.emplace_back(at, element);
  }
}

void AuditLog::forget(Entries::value_type& element) {
  auto& [key, open] = element;
  auto kinds = kinds_.find(key.substr(0, key.find('\0')));
  if (kinds != kinds_.end()) {
    --kinds->second.of(open.entry.outcome);
    if (kinds->second.refused + kinds->second.other == 0) kinds_.erase(kinds);
  }
  open_.erase(open_.find(key));
}

}  // namespace muster::access
