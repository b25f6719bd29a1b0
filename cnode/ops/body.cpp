#include "ops/body.h"

namespace muster::ops {

std::uint64_t Blob::size() const {
  std::uint64_t sum = 0;
  for (auto& piece : pieces) sum += piece.size();
  return sum;
}

Task<std::string> BlobSource::next() {
  while (!blob_.pieces.empty()) {
    auto piece = std::move(blob_.pieces.front());
    blob_.pieces.pop_front();
    if (!piece.empty()) co_return piece;
  }
  co_return std::string();
}

}  // namespace muster::ops
