#pragma once

#include <string>
#include <vector>

#include "store/metrics/bytes.h"
#include "store/metrics/sample.h"

namespace muster::store {

/// Writes and reads the rounds of one node one after the other, each as what differs from the one
/// before: two bits per sample that did not change, about three bytes for one that did. A key round
/// stands on its own. Plain data.
class RoundCoder {
 public:
  /// `samples`: ascending by series, each once.
  void encode(Moment when, const std::vector<Sample>& samples, bool is_key, std::string& out);
  /// False for damaged bytes; then nothing but a key round can follow.
  bool decode(ByteReader& in);
  static bool is_key(std::string_view bytes) { return !bytes.empty() && (bytes[0] & 1); }

  /// Of the last round.
  const std::vector<Sample>& samples() const { return last_; }
  Moment when() const { return when_; }

 private:
  void reset();
  void reshape(const std::vector<SeriesId>& ids);

  Moment when_;
  std::vector<Sample> last_;
};

}  // namespace muster::store
