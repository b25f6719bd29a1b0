// What can still be read of a damaged file is brought into the one that was begun in its place.
#include <limits>

#include "base/log.h"
#include "store/metrics/metric_store.h"

namespace muster::store {

namespace {

/// The nearest row behind the unreadable one at `at` from which the file can be read again.
std::optional<std::int64_t> readable_after(BlockTable& table, std::int64_t at) {
  auto step = BlockKey::parts;
  auto damaged = at, readable = at;
  for (bool found = false; !found; step *= 2) {
    if (step > std::numeric_limits<std::int64_t>::max() / 2 - at) return std::nullopt;
    damaged = readable;
    readable = at + step;
    found = table.next_row(readable).has_value();
  }
  while (readable - damaged > BlockKey::parts) {
    auto middle = damaged + (readable - damaged) / 2;
    (table.next_row(middle) ? readable : damaged) = middle;
  }
  return readable;
}

bool is_put_aside(const std::filesystem::path& file) {
  return file.filename().string().find(".damaged") != std::string::npos;
}

}  // namespace

std::uint64_t MetricStore::bytes_put_aside() const {
  std::uint64_t sum = 0;
  std::error_code ec;
  for (auto& file : std::filesystem::directory_iterator(folder_, ec)) {
    if (!is_put_aside(file.path())) continue;
    auto size = file.file_size(ec);
    if (!ec) sum += size;
  }
  return sum;
}

void MetricStore::remove_put_aside() {
  std::error_code ec;
  std::vector<std::filesystem::path> files;
  for (auto& file : std::filesystem::directory_iterator(folder_, ec))
    if (is_put_aside(file.path())) files.push_back(file.path());
  for (auto& file : files) std::filesystem::remove(file, ec);
}

/// Where it cannot even be opened, there is nothing to bring over.
void MetricStore::open_damaged() {
  auto opened = BlockTable::open((folder_ / "metrics.db.damaged").string());
  auto theirs = opened ? opened->grains() : opened.error();
  if (!theirs) return log::warn("metrics.db.damaged: {}", theirs.error().text());
  std::map<int, int> grains;
  for (auto& [grain, step] : *theirs)
    if (auto ours = table_.grain(step)) grains[grain] = *ours;
  salvaged_.emplace(Damaged{*std::move(opened), std::move(grains)});
}

Result<> MetricStore::salvage_some(std::size_t most, bool& has_more) {
  if (!salvaged_) return {};
  TRYV(table_.begin());
  std::optional<std::int64_t> at = table_.salvage_at();
  auto brought = [&]() -> Result<> {
    for (std::size_t i = 0; i < most && at; ++i) {
      TRY(at, salvage_block(*at));
    }
    TRYV(table_.write_salvage_at(at.value_or(0)));
    return table_.commit();
  }();
  if (!brought) {
    table_.roll_back();
    return brought;
  }
  oldest_.assign(oldest_.size(), std::nullopt);
  has_more = at.has_value();
  if (has_more) return {};
  salvaged_.reset();
  remove_put_aside();
  log::info("what can be read of the damaged file is in metrics.db again");
  return {};
}

Result<std::optional<std::int64_t>> MetricStore::salvage_block(std::int64_t at) {
  auto& [table, grains] = *salvaged_;
  auto found = table.next_row(at);
  if (!found) {
    ++damaged_;
    return readable_after(table, at);
  }
  if (!*found) return std::optional<std::int64_t>();
  auto key = BlockKey::of(**found);
  auto next = key.row(BlockKey::parts);
  auto grain = grains.find(key.grain);
  auto block = table.read(key, damaged_);
  if (!block || grain == grains.end()) return std::optional(next);
  key.grain = grain->second;
  if (auto later = table_.read(key, damaged_)) {
    if (key.grain == grains_[0]) {
      block = join(*std::move(block), *std::move(later));
    } else {
      RollUp all(*block);
      all.add(RollUp(*later));
      block = all.block();
    }
  }
  TRYV(table_.write(key, encode_block(*block)));
  return std::optional(next);
}

}  // namespace muster::store
