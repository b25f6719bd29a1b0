#pragma once

#include "base/clock.h"
#include "base/slots.h"
#include "ops/operation.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/types.h"

namespace muster::orchestration {

/// The operations on providers. A provider of any type in the table of drivers can be stored and
/// listed; passwords, key files and folders are never given out. Lives on the loop.
class Providers {
 public:
  /// `public_key` is the daemon's own, as drivers::Hosts has it.
  using PublicKey = std::function<Result<std::string>()>;
  Providers(Catalogue& catalogue, PublicKey public_key, const Clock& clock)
      : catalogue_(catalogue), public_key_(std::move(public_key)), clock_(clock) {}

  std::vector<ops::Operation> operations();

  Task<ProviderView> create(CreateProvider request, ops::Caller caller);
  Task<ops::Page<ProviderView>> list(ops::PageRequest request, ops::Caller caller);
  Task<ProviderView> get(ById request, ops::Caller caller);
  Task<ProviderView> update(UpdateProvider request, ops::Caller caller);
  Task<ProviderView> erase(ById request, ops::Caller caller);
  Task<SshKey> ssh_key(ops::Empty request, ops::Caller caller);

 private:
  Result<> keeps_what_is_used(const Provider& row);

  Catalogue& catalogue_;
  PublicKey public_key_;
  const Clock& clock_;
  Slots editing_{1};  ///< held from reading a row until its change is written
};

ProviderView view_of(const Provider& provider);

}  // namespace muster::orchestration
