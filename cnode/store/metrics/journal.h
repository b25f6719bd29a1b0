#pragma once

#include <deque>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace muster::store {

/// What came since the last closed blocks, as files that are only appended to and deleted when all
/// in them is in blocks: an entry is in the operating system's hands when append() returns, so the
/// end of the daemon loses nothing; a power cut may take the last seconds (nothing is synced). Each
/// entry has a length and a CRC; at the first one that is torn or damaged its file's reading ends.
/// Owned by the MetricStore, on its thread.
class Journal {
 public:
  /// entry(sequence, bytes), in order.
  using Entry = std::function<void(std::uint64_t sequence, std::string_view bytes)>;

  explicit Journal(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Journal(const Journal&) = delete;
  ~Journal();

  /// Reads all that is there. Call it once, first. Error: unavailable.
  Result<> replay(const Entry& entry);
  /// `hour`: the oldest one that something in it belongs to. Error: unavailable (full disk); then
  /// nothing of it is there.
  Result<> append(std::uint64_t sequence, std::int64_t hour, std::string_view bytes);
  /// Deletes files with nothing from `sequence` on.
  void drop_before(std::uint64_t sequence);

  /// Of what is there; INT64_MAX when nothing is.
  std::int64_t oldest_hour() const;
  void note_hour(std::int64_t hour);  ///< of the entry being replayed
  std::uint64_t bytes() const;

 private:
  struct Segment {
    std::filesystem::path file;
    std::uint64_t number = 0, last_sequence = 0, bytes = 0;
    std::int64_t oldest_hour;
  };
  Result<> begin();
  Result<> read(Segment& segment, const Entry& entry);
  void close();

  std::filesystem::path folder_;
  std::deque<Segment> segments_;
  std::uint64_t next_number_ = 1;
  int fd_ = -1;  ///< of the last segment, once it is written to
};

}  // namespace muster::store
