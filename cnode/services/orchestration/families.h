#pragma once

#include "base/clock.h"
#include "base/slots.h"
#include "ops/operation.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/types.h"

namespace muster::orchestration {

/// The operations on node families: those that nodes are deployed into are made and changed here;
/// those that topology made for added nodes are shown beside them. Lives on the loop.
class Families {
 public:
  Families(Catalogue& catalogue, const Clock& clock) : catalogue_(catalogue), clock_(clock) {}

  std::vector<ops::Operation> operations();

  Task<FamilyView> create(CreateFamily request, ops::Caller caller);
  Task<FamilyView> update(UpdateFamily request, ops::Caller caller);
  Task<ops::Page<FamilyView>> list(ops::PageRequest request, ops::Caller caller);
  Task<FamilyView> get(ById request, ops::Caller caller);
  Task<FamilyView> erase(ById request, ops::Caller caller);
  Task<FamilyView> set_release(SetRelease request, ops::Caller caller);
  Task<FamilyView> set_firewall(SetFirewall request, ops::Caller caller);
  Task<DomainView> add_domain(AddDomain request, ops::Caller caller);
  Task<ops::Page<DomainView>> list_domains(ListDomains request, ops::Caller caller);
  Task<DomainView> delete_domain(DeleteDomain request, ops::Caller caller);

 private:
  /// Puts what was given into the row; everything is checked.
  Task<> apply(const FamilyFields& given, Family& row);
  Result<Domain> domain_of(const DomainSettings& given, const Family& family) const;
  Task<std::vector<Neighbor>> neighbors_of(const std::vector<NeighborSettings>& given);
  FamilyView view_of(const Family& row) const;
  FamilyView view_of(const CatalogueRows::AddedFamily& row) const;
  DomainView view_of(const Domain& row) const;

  Catalogue& catalogue_;
  const Clock& clock_;
  Slots editing_{1};  ///< held from reading a row until its change is written
};

}  // namespace muster::orchestration
