#pragma once

#include <memory>

#include "services/metrics/exposition.h"

namespace muster::metrics {

/// The expositions that are under way: a few at once, for each keeps what nodes had sent when it
/// began until its reader has it all. Owned by the service; lives on the loop, and so do they.
class Scrapes {
 public:
  static constexpr std::size_t most = 4;

  /// Before one is made. Error: unavailable, where as many as may be are under way.
  Result<> admit();
  std::unique_ptr<ops::BodySource> begin(std::unique_ptr<ops::BodySource> exposition);

  std::size_t under_way() const { return *under_way_; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t refused() const { return refused_; }

 private:
  std::shared_ptr<std::size_t> under_way_ = std::make_shared<std::size_t>(0);
  std::uint64_t answered_ = 0, refused_ = 0;
};

}  // namespace muster::metrics
