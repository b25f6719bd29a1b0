#include "store/metrics/round_coder.h"

#include <algorithm>

namespace muster::store {
namespace {

enum Change : unsigned { same, integer, real, short_real };
constexpr std::uint8_t key = 1, new_shape = 2;
constexpr std::uint64_t low_half = 0xffffffff;

/// The node's clock against ours, by wrapping arithmetic.
std::uint64_t ahead_of(const Moment& when) {
  return static_cast<std::uint64_t>(when.node_at) - static_cast<std::uint64_t>(when.at);
}

bool same_shape(const std::vector<Sample>& a, const std::vector<Sample>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](auto& x, auto& y) { return x.series == y.series; });
}

std::uint64_t base_of(const Sample& before) {
  return before.is_real ? 0 : before.bits;
}

}  // namespace

void RoundCoder::reset() {
  when_ = {};
  last_.clear();
}

void RoundCoder::reshape(const std::vector<SeriesId>& ids) {
  std::vector<Sample> shaped;
  shaped.reserve(ids.size());
  auto old = last_.begin();
  for (auto id : ids) {
    while (old != last_.end() && old->series < id) ++old;
    bool is_known = old != last_.end() && old->series == id;
    shaped.push_back(is_known ? *old : Sample{id, false, 0});
  }
  last_ = std::move(shaped);
}

void RoundCoder::encode(Moment when, const std::vector<Sample>& samples, bool is_key,
                        std::string& out) {
  if (is_key) reset();
  bool is_shaped = !is_key && same_shape(samples, last_);
  out += static_cast<char>((is_key ? key : 0) | (is_shaped ? 0 : new_shape));
  put_delta(out, static_cast<std::uint64_t>(when.at), static_cast<std::uint64_t>(when_.at));
  put_delta(out, ahead_of(when), ahead_of(when_));
  when_ = when;
  if (!is_shaped) {
    std::vector<SeriesId> ids;
    put_varint(out, samples.size());
    SeriesId before = 0;
    for (auto& sample : samples) {
      put_varint(out, sample.series - before);
      before = sample.series;
      ids.push_back(before);
    }
    reshape(ids);
  }
  auto changes = out.size();
  out.append((samples.size() + 3) / 4, '\0');
  for (std::size_t i = 0; i < samples.size(); ++i) {
    auto& now = samples[i];
    auto& before = last_[i];
    unsigned change = integer;
    if (now == before) {
      continue;
    } else if (!now.is_real) {
      put_delta(out, now.bits, base_of(before));
    } else if (now.bits & low_half) {
      change = real;
      put_fixed(out, now.bits);
    } else {
      change = short_real;
      put_fixed(out, now.bits >> 32, 4);
    }
    out[changes + i / 4] = static_cast<char>(out[changes + i / 4] | change << (i % 4 * 2));
    before = now;
  }
}

bool RoundCoder::decode(ByteReader& in) {
  auto flags = in.byte();
  if (flags & key) reset();
  auto at = in.delta(static_cast<std::uint64_t>(when_.at));
  auto ahead = in.delta(ahead_of(when_));
  when_ = {static_cast<std::int64_t>(at), static_cast<std::int64_t>(at + ahead)};
  if (flags & new_shape) {
    std::vector<SeriesId> ids(in.count());
    SeriesId before = 0;
    for (auto& id : ids) id = before += static_cast<SeriesId>(in.varint());
    reshape(ids);
  }
  auto changes = in.take((last_.size() + 3) / 4);
  if (!in.is_good()) return false;
  for (std::size_t i = 0; i < last_.size(); ++i) {
    auto& sample = last_[i];
    switch (static_cast<unsigned char>(changes[i / 4]) >> (i % 4 * 2) & 3) {
      case integer:
        sample.bits = in.delta(base_of(sample));
        sample.is_real = false;
        break;
      case real:
        sample.bits = in.fixed();
        sample.is_real = true;
        break;
      case short_real:
        sample.bits = in.fixed(4) << 32;
        sample.is_real = true;
        break;
      default:
        break;
    }
  }
  return in.is_good();
}

}  // namespace muster::store
