#include "services/notifications/archive.h"

#include <fmt/format.h>

#include <charconv>

#include "base/log.h"
#include "base/offload.h"

namespace muster::notifications {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t smallest_file = 16 << 20;
constexpr auto longest_file = 24h;
/// More ids than any file has rows: where the next one begins after a damaged one.
constexpr std::int64_t ids_of_a_damaged_file = std::int64_t{1} << 32;

constexpr auto damaged = ".damaged";

std::string file_name(std::int64_t first_id) {
  return fmt::format("{:019}.db", first_id);
}

std::optional<std::int64_t> first_id_of(const fs::path& file) {
  auto name = file.filename().string();
  std::int64_t id = 0;
  auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), id);
  if (ec != std::errc() || id < 1 || file_name(id) != name) return std::nullopt;
  return id;
}

}  // namespace

Result<std::unique_ptr<Archive>> Archive::open(fs::path folder, Retention retention,
                                               const Clock& clock) {
  std::unique_ptr<Archive> archive(new Archive(std::move(folder), retention, clock));
  TRYV(archive->load());
  return archive;
}

Archive::Archive(fs::path folder, Retention retention, const Clock& clock)
    : folder_(std::move(folder)), retention_(retention), clock_(clock) {}

Archive::~Archive() {
  writer_.join();
  reader_.join();
}

Result<> Archive::load() {
  std::error_code ec;
  fs::create_directories(folder_, ec);
  if (!ec) fs::permissions(folder_, fs::perms::owner_all, ec);
  std::vector<std::int64_t> ids;
  if (!ec)
    for (auto& file : fs::directory_iterator(folder_, ec))
      if (auto id = first_id_of(file.path())) ids.push_back(*id);
  if (ec) return Error(Errc::unavailable, folder_.string() + ": " + ec.message());
  std::int64_t next = 1;
  for (auto id : ids) {
    auto file = folder_ / file_name(id);
    auto partition = Partition::open(file, id);
    if (partition) {
      next = std::max(next, (*partition)->last_id() + 1);
      partitions_.emplace(id, std::move(*partition));
      continue;
    }
    if (partition.error().errc() != Errc::internal) return std::move(partition).error();
    log::error("{}; it is put aside", partition.error().text());
    fs::rename(file, file.string() + damaged, ec);
    for (auto* end : {"-wal", "-shm"}) fs::remove(file.string() + end, ec);
    next = std::max(next, id + ids_of_a_damaged_file);
  }
  if (partitions_.empty() || partitions_.rbegin()->second->last_id() + 1 < next) TRYV(begin(next));
  return {};
}

Result<Archive::PartitionPtr> Archive::begin(std::int64_t first_id) {
  TRY(auto partition, Partition::open(folder_ / file_name(first_id), first_id));
  std::lock_guard lock(mutex_);
  partitions_[first_id] = partition;
  return partition;
}

bool Archive::is_full(const Partition& partition) const {
  if (partition.last_id() < partition.first_id()) return false;
  return partition.bytes() >= std::max(smallest_file, retention_.bytes / 32) ||
         clock_.now() - partition.first_at() >= longest_file;
}

std::vector<Archive::PartitionPtr> Archive::newest_first() const {
  std::lock_guard lock(mutex_);
  std::vector<PartitionPtr> all;
  for (auto at = partitions_.rbegin(); at != partitions_.rend(); ++at) all.push_back(at->second);
  return all;
}

Task<> Archive::append(std::vector<Entry>& batch) {
  auto job = [&] { return append_now(batch); };
  co_return co_await offload(writer_, job);
}

Result<> Archive::append_now(std::vector<Entry>& batch) {
  auto newest = newest_first().front();
  if (is_full(*newest)) {
    TRYV(newest->finish());
    TRY(newest, begin(newest->last_id() + 1));
    TRYV(trim_now());
  }
  auto id = newest->last_id();
  for (auto& entry : batch) entry.id = ++id;
  std::size_t stored = 0;
  auto appended = newest->append(batch, stored);
  for (auto i = stored; i < batch.size(); ++i) batch[i].id = 0;
  bool has_rows = newest->last_id() >= newest->first_id();
  if (!appended && has_rows && appended.error().errc() == Errc::internal) {
    // The file is damaged. What can be read of it stays; the rest of the batch goes into a new one.
    TRYV(begin(newest->last_id() + ids_of_a_damaged_file));
  }
  return appended;
}

Task<std::vector<Entry>> Archive::search(Query query) {
  auto job = [&] { return search_now(query); };
  co_return co_await offload(reader_, job);
}

Result<std::vector<Entry>> Archive::search_now(const Query& query) {
  std::vector<Entry> found;
  auto rest = query;
  for (auto& partition : newest_first()) {
    if (found.size() >= query.limit) break;
    if (partition->first_id() >= query.before) continue;
    rest.limit = query.limit - found.size();
    auto some = partition->search(rest);
    if (!some) {
      log::error("{}", some.error().text());
      continue;
    }
    std::move(some->begin(), some->end(), std::back_inserter(found));
  }
  return found;
}

Task<Entry> Archive::get(std::int64_t id) {
  auto job = [&] { return get_now(id); };
  co_return co_await offload(reader_, job);
}

Result<Entry> Archive::get_now(std::int64_t id) {
  for (auto& partition : newest_first())
    if (partition->first_id() <= id) return partition->get(id);
  return Error(Errc::not_found, fmt::format("no notification {}", id));
}

Task<std::size_t> Archive::trim() {
  auto job = [&] { return trim_now(); };
  co_return co_await offload(writer_, job);
}

/// Damaged files are kept for whoever wants to look, while there is room.
std::uint64_t Archive::bytes_put_aside() const {
  std::uint64_t sum = 0;
  std::error_code ec;
  for (auto& file : fs::directory_iterator(folder_, ec))
    if (file.path().extension() == damaged) sum += file.file_size(ec);
  return sum;
}

void Archive::remove_put_aside() {
  std::error_code ec;
  for (auto& file : fs::directory_iterator(folder_, ec))
    if (file.path().extension() == damaged) fs::remove(file.path(), ec);
}

Result<std::size_t> Archive::trim_now() {
  auto all = newest_first();
  bool age_counts = jumps_.is_steady(clock_);
  std::uint64_t sum = bytes_put_aside();
  for (auto& partition : all) sum += partition->bytes();
  if (sum > retention_.bytes) remove_put_aside();
  sum = bytes_put_aside();
  std::size_t keep = 0;
  for (auto& partition : all) {
    sum += partition->bytes();
    bool is_old = age_counts && clock_.now() - partition->last_at() > retention_.age;
    bool is_newest = keep == 0;
    if (!is_newest && (is_old || sum > retention_.bytes)) break;
    ++keep;
  }
  {
    std::lock_guard lock(mutex_);
    for (auto i = keep; i < all.size(); ++i) partitions_.erase(all[i]->first_id());
  }
  for (auto i = keep; i < all.size(); ++i) all[i]->remove();
  sum = bytes_put_aside();
  for (std::size_t i = 0; i < keep; ++i) sum += all[i]->bytes();
  bytes_ = sum;
  return all.size() - keep;
}

}  // namespace muster::notifications
