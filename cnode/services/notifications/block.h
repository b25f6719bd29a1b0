#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "services/notifications/entry.h"
#include "services/notifications/row_set.h"

namespace muster::notifications {

/// What a search asks for. All that is given must hold.
struct Query {
  std::optional<std::string> node, family, source, kind, application;
  std::optional<Severity> severity;  ///< and worse
  std::vector<std::string> words;    ///< as words_of() cuts them
  std::optional<Timestamp> since;    ///< from then on
  std::optional<Timestamp> until;    ///< before then
  std::int64_t before = INT64_MAX;   ///< only smaller ids
  std::size_t limit = 100;

  /// The keys of the fields, not of the words.
  std::vector<std::string> field_keys() const;
};
std::string word_key(std::string_view word);

/// A run of rows that are one after the other: at most 65,536, fewer where they have very many
/// different words, and their times never go back (a clock that was set back begins a new block).
struct BlockSpan {
  std::int64_t first_id = 0;
  std::size_t rows = 0;
  Timestamp first_at, last_at;
};

/// The newest rows: which of them have which node, family, severity, source, kind, application and
/// word. It is in memory until it is full and its sets are written down. Plain data; whoever owns
/// it locks.
class OpenBlock {
 public:
  explicit OpenBlock(std::int64_t first_id) { span_.first_id = first_id; }

  /// False: it is full, or `at` goes back.
  bool takes(Timestamp at) const;
  void add(const Entry& entry);
  const BlockSpan& span() const { return span_; }

  /// Rows of all fields and words; those of the time and `before` are clipped by the caller.
  RowSet match(const Query& query) const;

  /// What is written of it, in order of the keys: the sets of all fields, and of words that are in
  /// at least `common` rows.
  std::vector<std::pair<std::string, std::string>> marks(std::size_t common) const;

 private:
  struct Hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  void note(std::string_view key);

  BlockSpan span_;
  std::size_t bytes_ = 0;  ///< about what the lists take
  std::unordered_map<std::string, std::vector<std::uint16_t>, Hash, std::equal_to<>> lists_;
  std::string key_, word_;  // scratch
};

}  // namespace muster::notifications
