#pragma once

#include "base/clock.h"
#include "base/slots.h"
#include "ops/operation.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/release_store.h"
#include "services/orchestration/types.h"

namespace muster::orchestration {

/// The operations on releases. An archive is kept once however many releases share it. Lives on the
/// loop.
class Releases {
 public:
  Releases(Catalogue& catalogue, ReleaseStore store, const Clock& clock)
      : catalogue_(catalogue), store_(std::move(store)), clock_(clock) {}

  std::vector<ops::Operation> operations();

  Task<ReleaseView> create(CreateRelease request, ops::Caller caller);
  Task<ReleaseView> upload(ById request, ops::Caller caller, ops::BodySource& body);
  Task<ReleaseView> update(UpdateRelease request, ops::Caller caller);
  Task<ops::Page<ReleaseView>> list(ops::PageRequest request, ops::Caller caller);
  Task<ReleaseView> get(ById request, ops::Caller caller);
  Task<ReleaseView> erase(ById request, ops::Caller caller);

  /// Removes archives that nothing refers to: what an upload that was cut short by the daemon's end
  /// left behind. To be called once everybody who uses archives has started.
  Task<> sweep();

 private:
  Task<> keep(Release& row, ReceivedArchive received);
  bool is_needed(const std::string& sha256) const;
  Task<> drop_archive(std::string sha256);

  Catalogue& catalogue_;
  ReleaseStore store_;
  const Clock& clock_;
  Slots editing_{1};  ///< held from reading a row until its change is written
};

ReleaseView view_of(const Release& release);

}  // namespace muster::orchestration
