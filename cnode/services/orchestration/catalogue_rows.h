#pragma once

#include <string>
#include <vector>

#include "services/orchestration/rows.h"
#include "store/cipher.h"
#include "store/database.h"

namespace muster::orchestration {

/// Tables providers, releases, family_deployments and deployment_domains, and the node_families of
/// deployed nodes. All their SQL is here. Passwords, cookies and environments are encrypted, bound
/// to their row.
class CatalogueRows {
 public:
  CatalogueRows(store::Database& database, const store::Cipher& cipher)
      : database_(database), cipher_(cipher) {}

  struct All {
    std::vector<Provider> providers;
    std::vector<Release> releases;
    std::vector<Family> families;
  };
  Task<All> all();

  // Makes the row, or replaces the one of the same id. Errors: conflict for a name that is taken.
  Task<> put(Provider provider);
  Task<> put(Release release);
  Task<> put(Family family);
  // Errors: conflict while other rows refer to it.
  Task<> erase_provider(std::string id);
  Task<> erase_release(std::string id);
  Task<> erase_family(std::string id);

  /// A family that topology made for added nodes.
  struct AddedFamily {
    std::string id, name, description;
    std::size_t node_count = 0;
  };
  Task<std::vector<AddedFamily>> added_families();

 private:
  Task<> run(std::function<Result<>(store::Connection&)> job);

  store::Database& database_;
  const store::Cipher& cipher_;
};

}  // namespace muster::orchestration
