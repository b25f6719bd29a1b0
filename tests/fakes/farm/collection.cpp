#include "collection.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include "etf/decode.h"

namespace muster::farm {
namespace {

using etf::Term;

std::uint64_t mixed(std::uint64_t a) {
  a = (a ^ a >> 31) * 0x9e3779b97f4a7c15;
  a = (a ^ a >> 29) * 0xbf58476d1ce4e5b9;
  return a ^ a >> 32;
}

/// The numbers of a sample, one after the other.
class Mover {
 public:
  Mover(unsigned node, unsigned round) : node_(node), round_(round) {}

  void move(Term& term) {
    if (auto* map = term.get_if<etf::Map>()) {
      for (auto& [key, value] : map->pairs) move(value);
    } else if (auto* integer = term.get_if<std::int64_t>()) {
      const auto own = mixed(std::uint64_t{node_} << 32 | ++place_);
      const auto now = mixed(own + round_);
      const auto size = static_cast<std::uint64_t>(std::abs(*integer));
      if (place_ % 3 == 1) *integer += static_cast<std::int64_t>(round_ * (own % (size / 50 + 1)));
      if (place_ % 3 != 0) *integer += static_cast<std::int64_t>(now % (size / 50 + 1));
    } else if (auto* real = term.get_if<double>()) {
      *real *= 1 + static_cast<double>(mixed(node_ + ++place_ * 7919 + round_) % 1000) / 10'000;
    }
  }

 private:
  unsigned node_, round_;
  std::uint64_t place_ = 0;
};

}  // namespace

Collection::Collection(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(in), {});
  auto term = etf::decode_external(bytes);
  const auto* parts = term ? term->tuple(2) : nullptr;
  const auto* sample = parts != nullptr ? (*parts)[1].get_if<etf::Map>() : nullptr;
  if (sample == nullptr || sample->find("values") == nullptr || !(*parts)[0].text(version_))
    throw std::runtime_error(file + " has no {Version, Sample}");
  sample_ = *sample;
}

Term Collection::sample(unsigned node, unsigned round, std::int64_t now_ms,
                        std::int64_t interval_ms) const {
  auto sample = sample_;
  for (auto& [key, value] : sample.pairs) {
    if (key.is_atom("values")) Mover(node, round).move(value);
    if (key.is_atom("at")) value = now_ms;
    if (key.is_atom("interval_ms")) value = interval_ms;
  }
  return sample;
}

}  // namespace muster::farm
