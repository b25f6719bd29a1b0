#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "drivers/drivers.h"
#include "services/orchestration/catalogue_rows.h"
#include "services/orchestration/rows.h"

namespace muster::orchestration {

/// Everything that is defined for deployments: providers, releases, families with their domains.
/// All of it is in memory; changes are written first, then seen. Owned by app; lives on the loop.
/// The operations on it are in providers.h, releases.h and families.h; the deployment engine reads
/// it.
class Catalogue {
 public:
  /// `releases`: the folder of stored archives.
  Catalogue(CatalogueRows rows, drivers::Hosts& hosts, std::filesystem::path releases);
  Catalogue(const Catalogue&) = delete;

  /// Reads all rows.
  Task<> start();

  // By id or unique name. Errors: not_found.
  Result<Provider> provider(const std::string& id_or_name) const;
  Result<Release> release(const std::string& id_or_name) const;
  Result<Family> family(const std::string& id_or_name) const;

  // The same without a copy; null when there is none. Good until the caller waits for something.
  const Provider* peek_provider(const std::string& id_or_name) const;
  const Release* peek_release(const std::string& id_or_name) const;
  const Family* peek_family(const std::string& id_or_name) const;

  /// The ids of the families that have this id or name.
  std::vector<std::string> families_named(const std::string& id_or_name) const;

  std::vector<Provider> providers() const;  ///< sorted by name, as the others
  std::vector<Release> releases() const;
  std::vector<Family> families() const;

  /// The families that topology made for added nodes; read from the database.
  Task<std::vector<CatalogueRows::AddedFamily>> added_families() { return rows_.added_families(); }

  /// The driver of a provider, made when first asked for. Good until the caller waits for
  /// something: an edited provider gets a new one. Errors: unsupported for a provider that can only
  /// be stored so far.
  Result<drivers::Driver*> driver(const std::string& provider_id);

  /// As the provider would have it once it is put.
  Result<std::unique_ptr<drivers::Driver>> make_driver(const Provider& provider) const;

  /// Where the archive lies, for Host::put. Error: conflict when none was uploaded yet.
  Result<drivers::LocalFile> archive(const Release& release) const;
  std::filesystem::path archive_path(const std::string& sha256) const;

  /// Written, then seen; a row of the same id is replaced. Errors: conflict for a name that is
  /// taken.
  Task<> put(Provider provider);
  Task<> put(Release release);
  Task<> put(Family family);
  Task<> erase_provider(std::string id);
  Task<> erase_release(std::string id);
  Task<> erase_family(std::string id);

  /// Who else uses an entry, so that deleting it is refused: set by the deployment engine. The
  /// answer says who ("3 nodes"); empty: nobody.
  struct Uses {
    /// A machine of a provider on which something lies.
    struct Machine {
      std::string id, user;  ///< the user of the row: where the provider names none
      std::string by;        ///< "3 deployed nodes"
    };
    std::function<std::string(const std::string& provider_id)> provider;
    std::function<std::string(const std::string& family_id)> family;
    std::function<std::string(const std::string& domain_id)> domain;
    std::function<std::string(const std::string& sha256)> archive;
    std::function<std::size_t(const std::string& family_id)> node_count;
    std::function<std::vector<Machine>(const std::string& provider_id)> machines;
  };
  void set_uses(Uses uses) { uses_ = std::move(uses); }
  const Uses& uses() const { return uses_; }

 private:
  CatalogueRows rows_;
  drivers::Hosts& hosts_;
  std::filesystem::path directory_;
  Uses uses_;
  std::unordered_map<std::string, std::shared_ptr<const Provider>> providers_;
  std::unordered_map<std::string, std::shared_ptr<const Release>> releases_;
  std::unordered_map<std::string, std::shared_ptr<const Family>> families_;
  std::unordered_map<std::string, std::unique_ptr<drivers::Driver>> drivers_;
};

}  // namespace muster::orchestration
