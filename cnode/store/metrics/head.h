#pragma once

#include <limits>

#include "store/metrics/block.h"
#include "store/metrics/round_coder.h"

namespace muster::store {

/// The open hour of one node, in memory: its rounds one after the other as RoundCoder writes them,
/// which is also what the journal has of them. About 200 bytes for 150 samples. Owned by the
/// MetricStore.
class Head {
 public:
  /// The round's bytes, good until the next call. `samples` as for RoundCoder.
  std::string_view add(std::uint64_t sequence, Moment when, const std::vector<Sample>& samples);
  /// The next round is a key round: the journal lacks the last one.
  void begin_anew() { wants_key_ = true; }
  /// A round out of the journal; `index` counts the head's rounds. False: it does not follow what
  /// is here (something between was lost), and it is no key round.
  bool replay(std::uint64_t sequence, std::uint64_t index, std::string_view bytes);

  /// f(moment, samples) for every round.
  template <class F>
  void each(F f) const {
    RoundCoder coder;
    ByteReader in(bytes_);
    while (in.left() && coder.decode(in)) f(coder.when(), coder.samples());
  }
  Block block() const;
  const RoundCoder& last() const { return last_; }
  std::uint64_t next_index() const { return count_; }
  std::uint64_t first_sequence() const { return first_sequence_; }
  std::uint64_t samples() const { return samples_; }  ///< in it
  bool is_empty() const { return bytes_.empty(); }
  std::size_t bytes() const { return bytes_.capacity(); }

 private:
  void note(std::uint64_t sequence);

  RoundCoder last_;
  std::string bytes_;
  std::uint64_t count_ = 0, samples_ = 0;
  bool wants_key_ = false;
  std::uint64_t first_sequence_ = std::numeric_limits<std::uint64_t>::max(), last_sequence_ = 0;
};

}  // namespace muster::store
