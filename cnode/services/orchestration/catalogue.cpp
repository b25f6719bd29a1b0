#include "services/orchestration/catalogue.h"

#include <algorithm>

namespace muster::orchestration {
namespace {

/// By id, else by name.
template <class T>
const T* peek(const std::unordered_map<std::string, std::shared_ptr<const T>>& all,
              const std::string& id_or_name) {
  if (auto at = all.find(id_or_name); at != all.end()) return at->second.get();
  for (auto& [id, row] : all)
    if (row->name == id_or_name) return row.get();
  return nullptr;
}

/// A copy. Error: not_found in the words given.
template <class T>
Result<T> look_up(const std::unordered_map<std::string, std::shared_ptr<const T>>& all,
                  const std::string& id_or_name, std::string_view what) {
  if (auto* row = peek(all, id_or_name)) return *row;
  return Error(Errc::not_found, fmt::format("no {} '{}'", what, id_or_name));
}

template <class T>
std::vector<T> by_name(const std::unordered_map<std::string, std::shared_ptr<const T>>& all) {
  std::vector<T> sorted;
  for (auto& [id, row] : all) sorted.push_back(*row);
  std::sort(sorted.begin(), sorted.end(), [](const T& a, const T& b) { return a.name < b.name; });
  return sorted;
}

}  // namespace

Catalogue::Catalogue(CatalogueRows rows, drivers::Hosts& hosts, std::filesystem::path releases)
    : rows_(rows), hosts_(hosts), directory_(std::move(releases)) {}

Task<> Catalogue::start() {
  std::error_code ec;
  std::filesystem::create_directories(directory_, ec);
  if (ec) co_return Error(ec, "the folder for release archives");
  std::filesystem::permissions(directory_, std::filesystem::perms::owner_all, ec);
  CO_TRY(auto all, co_await rows_.all());
  for (auto& row : all.providers) providers_[row.id] = std::make_shared<const Provider>(row);
  for (auto& row : all.releases) releases_[row.id] = std::make_shared<const Release>(row);
  for (auto& row : all.families) families_[row.id] = std::make_shared<const Family>(row);
  co_return Result<>();
}

Result<Provider> Catalogue::provider(const std::string& id_or_name) const {
  return look_up(providers_, id_or_name, "provider");
}
Result<Release> Catalogue::release(const std::string& id_or_name) const {
  return look_up(releases_, id_or_name, "release");
}
Result<Family> Catalogue::family(const std::string& id_or_name) const {
  return look_up(families_, id_or_name, "node family");
}

const Provider* Catalogue::peek_provider(const std::string& id_or_name) const {
  return peek(providers_, id_or_name);
}
const Release* Catalogue::peek_release(const std::string& id_or_name) const {
  return peek(releases_, id_or_name);
}
const Family* Catalogue::peek_family(const std::string& id_or_name) const {
  return peek(families_, id_or_name);
}

std::vector<std::string> Catalogue::families_named(const std::string& id_or_name) const {
  std::vector<std::string> ids;
  for (auto& [id, family] : families_)
    if (id == id_or_name || family->name == id_or_name) ids.push_back(id);
  return ids;
}

std::vector<Provider> Catalogue::providers() const {
  return by_name(providers_);
}
std::vector<Release> Catalogue::releases() const {
  return by_name(releases_);
}
std::vector<Family> Catalogue::families() const {
  return by_name(families_);
}

Result<drivers::Driver*> Catalogue::driver(const std::string& provider_id) {
  if (auto at = drivers_.find(provider_id); at != drivers_.end()) return at->second.get();
  TRY(auto row, provider(provider_id));
  TRY(auto made, make_driver(row));
  auto* driver = made.get();
  drivers_.emplace(row.id, std::move(made));
  return driver;
}

Result<std::unique_ptr<drivers::Driver>> Catalogue::make_driver(const Provider& provider) const {
  TRY(auto* type, drivers::find_provider_type(provider.type));
  auto made = drivers::make_driver(*type, provider.options, hosts_);
  if (!made) return std::move(made).error().context("provider " + provider.name);
  return made;
}

std::filesystem::path Catalogue::archive_path(const std::string& sha256) const {
  return directory_ / (sha256 + ".tar.gz");
}

Result<drivers::LocalFile> Catalogue::archive(const Release& release) const {
  if (release.sha256.empty())
    return Error(Errc::conflict,
                 "release " + release.name + " has no archive yet: upload it with PUT …/tarball");
  return drivers::LocalFile{archive_path(release.sha256), release.size, release.sha256};
}

Task<> Catalogue::put(Provider row) {
  CO_TRYV(co_await rows_.put(row));
  drivers_.erase(row.id);
  providers_[row.id] = std::make_shared<const Provider>(row);
  co_return Result<>();
}

Task<> Catalogue::put(Release row) {
  CO_TRYV(co_await rows_.put(row));
  releases_[row.id] = std::make_shared<const Release>(row);
  co_return Result<>();
}

Task<> Catalogue::put(Family row) {
  CO_TRYV(co_await rows_.put(row));
  families_[row.id] = std::make_shared<const Family>(row);
  co_return Result<>();
}

Task<> Catalogue::erase_provider(std::string id) {
  CO_TRYV(co_await rows_.erase_provider(id));
  drivers_.erase(id);
  providers_.erase(id);
  co_return Result<>();
}

Task<> Catalogue::erase_release(std::string id) {
  CO_TRYV(co_await rows_.erase_release(id));
  releases_.erase(id);
  co_return Result<>();
}

Task<> Catalogue::erase_family(std::string id) {
  CO_TRYV(co_await rows_.erase_family(id));
  families_.erase(id);
  co_return Result<>();
}

}  // namespace muster::orchestration
