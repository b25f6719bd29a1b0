#include "store/metrics/head.h"

#include <algorithm>
#include <map>

namespace muster::store {

namespace {
constexpr std::uint64_t key_every = 16;  ///< what a lost journal entry costs at most
}

void Head::note(std::uint64_t sequence) {
  first_sequence_ = std::min(first_sequence_, sequence);
  last_sequence_ = std::max(last_sequence_, sequence);
}

std::string_view Head::add(std::uint64_t sequence, Moment when,
                           const std::vector<Sample>& samples) {
  auto before = bytes_.size();
  last_.encode(when, samples, wants_key_ || count_ % key_every == 0, bytes_);
  wants_key_ = false;
  samples_ += samples.size();
  ++count_;
  note(sequence);
  return std::string_view(bytes_).substr(before);
}

bool Head::replay(std::uint64_t sequence, std::uint64_t index, std::string_view bytes) {
  if (index != count_ && !RoundCoder::is_key(bytes)) return false;
  ByteReader in(bytes);
  auto next = last_;
  if (!next.decode(in) || in.left()) return false;
  last_ = std::move(next);
  bytes_ += bytes;
  count_ = index + 1;
  samples_ += last_.samples().size();
  note(sequence);
  return true;
}

Block Head::block() const {
  Block block;
  block.sequence = last_sequence_;
  std::map<SeriesId, std::size_t> column_of;
  std::vector<Column> columns;
  std::vector<std::size_t> order;  // of the round's samples
  std::vector<SeriesId> shape;
  each([&](Moment when, const std::vector<Sample>& samples) {
    auto rows = block.moments.size();
    block.moments.push_back(when);
    bool is_shaped = std::equal(samples.begin(), samples.end(), shape.begin(), shape.end(),
                                [](auto& sample, auto id) { return sample.series == id; });
    if (!is_shaped) {
      shape.clear();
      order.clear();
      for (auto& sample : samples) {
        auto [at, is_new] = column_of.emplace(sample.series, columns.size());
        if (is_new) columns.emplace_back().id = std::uint64_t{sample.series} * 8;
        shape.push_back(sample.series);
        order.push_back(at->second);
      }
    }
    for (std::size_t i = 0; i < samples.size(); ++i) {
      auto& column = columns[order[i]];
      column.cells.resize(rows, Column::missing);
      column.bits.resize(rows, 0);
      column.push(samples[i].number());
    }
  });
  for (auto& [id, at] : column_of) {
    columns[at].cells.resize(block.moments.size(), Column::missing);
    columns[at].bits.resize(block.moments.size(), 0);
    block.columns.push_back(std::move(columns[at]));
  }
  return block;
}

}  // namespace muster::store
