#include "services/metrics/scrapes.h"

#include <fmt/format.h>

namespace muster::metrics {
namespace {

class Counted final : public ops::BodySource {
 public:
  Counted(std::shared_ptr<std::size_t> count, std::unique_ptr<ops::BodySource> source)
      : count_(std::move(count)), source_(std::move(source)) {
    ++*count_;
  }
  Counted(const Counted&) = delete;
  ~Counted() override { --*count_; }
  Task<std::string> next() override { return source_->next(); }
  std::optional<std::uint64_t> size() const override { return source_->size(); }

 private:
  std::shared_ptr<std::size_t> count_;
  std::unique_ptr<ops::BodySource> source_;
};

}  // namespace

Result<> Scrapes::admit() {
  if (*under_way_ < most) return {};
  ++refused_;
  return Error(Errc::unavailable, fmt::format("{} scrapes are under way", *under_way_));
}

std::unique_ptr<ops::BodySource> Scrapes::begin(std::unique_ptr<ops::BodySource> exposition) {
  ++answered_;
  return std::make_unique<Counted>(under_way_, std::move(exposition));
}

}  // namespace muster::metrics
