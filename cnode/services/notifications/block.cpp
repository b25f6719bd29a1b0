#include "services/notifications/block.h"

#include <algorithm>

#include "services/notifications/words.h"

namespace muster::notifications {

namespace {

/// Rows of very long texts, or of words that are all different, make shorter blocks.
constexpr std::size_t most_bytes = 64 << 20, bytes_of_key = 128, bytes_of_posting = 4;

// A key is a letter for the field and the value.
constexpr char node_field = 'n', family_field = 'f', severity_field = 's', source_field = 'o',
               kind_field = 'k', application_field = 'a', word_field = 'w';

std::string key(char field, std::string_view value) {
  std::string text(1, field);
  text += value;
  return text;
}

/// "s3" is on every row that is an error or worse.
std::string severity_key(int severity) {
  return {severity_field, static_cast<char>('0' + severity)};
}

}  // namespace

std::string word_key(std::string_view word) {
  return key(word_field, word);
}

std::vector<std::string> Query::field_keys() const {
  std::vector<std::string> keys;
  if (node) keys.push_back(key(node_field, *node));
  if (kind) keys.push_back(key(kind_field, *kind));
  if (application) keys.push_back(key(application_field, *application));
  if (severity && *severity != Severity::debug)
    keys.push_back(severity_key(static_cast<int>(*severity)));
  if (family) keys.push_back(key(family_field, *family));
  if (source) keys.push_back(key(source_field, *source));
  return keys;
}

bool OpenBlock::takes(Timestamp at) const {
  return span_.rows == 0 ||
         (span_.rows < RowSet::capacity && bytes_ < most_bytes && at >= span_.last_at);
}

void OpenBlock::note(std::string_view key) {
  auto place = static_cast<std::uint16_t>(span_.rows);
  auto at = lists_.find(key);
  if (at == lists_.end()) {
    at = lists_.emplace(key, std::vector<std::uint16_t>()).first;
    bytes_ += bytes_of_key + key.size();
  }
  if (!at->second.empty() && at->second.back() == place) return;
  at->second.push_back(place);
  bytes_ += bytes_of_posting;
}

void OpenBlock::add(const Entry& entry) {
  auto field = [&](char letter, std::string_view value) {
    key_.assign(1, letter);
    key_ += value;
    note(key_);
  };
  field(node_field, entry.node);
  field(family_field, entry.family);
  field(source_field, entry.source);
  field(kind_field, entry.kind);
  if (!entry.application.empty()) field(application_field, entry.application);
  for (int s = static_cast<int>(entry.severity); s < static_cast<int>(Severity::debug); ++s)
    field(severity_field, std::string_view("01234567").substr(static_cast<std::size_t>(s), 1));
  auto word = [&](const std::string& text) { field(word_field, text); };
  each_word(entry.text, word_, word);
  each_word(entry.mfa, word_, word);
  if (span_.rows == 0) span_.first_at = entry.at;
  span_.last_at = entry.at;
  ++span_.rows;
}

RowSet OpenBlock::match(const Query& query) const {
  RowSet rows(span_.rows);
  auto keep = [&](const std::string& key) {
    auto at = lists_.find(key);
    rows.intersect(at == lists_.end() ? std::span<const std::uint16_t>()
                                      : std::span<const std::uint16_t>(at->second));
  };
  for (auto& key : query.field_keys()) keep(key);
  for (auto& word : query.words) keep(word_key(word));
  return rows;
}

std::vector<std::pair<std::string, std::string>> OpenBlock::marks(std::size_t common) const {
  std::vector<std::pair<std::string, std::string>> marks;
  for (auto& [key, rows] : lists_)
    if (key[0] != word_field || rows.size() >= common)
      marks.emplace_back(key, RowSet::encode(rows, span_.rows));
  std::sort(marks.begin(), marks.end());
  return marks;
}

}  // namespace muster::notifications
