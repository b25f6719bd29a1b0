#include "services/orchestration/host_archives.h"

#include "services/orchestration/events.h"
#include "services/orchestration/scripts.h"

namespace muster::orchestration {

FindHost find_host_in(Catalogue& catalogue) {
  return [&catalogue](const HostKey& key) -> Result<std::shared_ptr<drivers::Host>> {
    TRY(auto* driver, catalogue.driver(key.provider_id));
    return driver->host(key.machine, key.user);
  };
}

Task<std::vector<HostRelease>> HostArchives::start() {
  CO_TRY(auto releases, co_await rows_.host_releases());
  std::vector<HostRelease> unused;
  for (auto& release : releases) {
    known_[key_of(release)] = release;
    if (!is_used(key_of(release), "")) unused.push_back(release);
  }
  co_return unused;
}

bool HostArchives::is_used(const Key& key, const std::string& but_not_by) const {
  return fleet_.is_used(key.first, key.second, but_not_by);
}

Task<> HostArchives::put(HostRelease release) {
  release.changed_at = clock_.now();
  CO_TRYV(co_await rows_.put(release));
  known_[key_of(release)] = release;
  co_return Result<>();
}

asio::awaitable<StepResult> HostArchives::ensure(std::shared_ptr<drivers::Host> host, HostKey key,
                                                 Release release) {
  auto uploading = uploading_.get({key, release.sha256});
  const auto failures = uploading->failures;
  auto held = co_await uploading->turn.take();
  auto known = known_.find({key, release.sha256});
  if (known != known_.end() && known->second.status == ArchiveStatus::present)
    co_return StepResult();
  if (uploading->failures != failures) co_return uploading->last_failure;
  auto failure = co_await upload(*host, std::move(key), release);
  if (failure) {
    ++uploading->failures;
    uploading->last_failure = failure;
  }
  co_return failure;
}

asio::awaitable<StepResult> HostArchives::upload(drivers::Host& host, HostKey key,
                                                 const Release& release) {
  auto file = catalogue_.archive(release);
  if (!file) co_return trouble_of(file.error(), "release " + release.name);
  HostRelease row{key, release.sha256, ArchiveStatus::uploading, {}};
  if (auto written = co_await put(row); !written)
    co_return trouble_of(written.error(), "write down the upload");
  auto told = clock_.steady();
  drivers::Progress progress = [&, name = host.name()](std::uint64_t done, std::uint64_t total) {
    auto now = clock_.steady();
    if (done < total && now - told < std::chrono::milliseconds(500)) return;
    told = now;
    bus_.publish("orchestration.upload",
                 UploadEvent{key.provider_id, name, release.sha256, done, total});
  };
  auto path = scripts::archive_path(tag_of(key), release.sha256);
  auto placed = co_await host.put(*file, std::move(path), std::move(progress));
  if (!placed) co_return trouble_of(placed.error(), "upload " + release.name);
  row.status = ArchiveStatus::present;
  if (auto written = co_await put(row); !written)
    co_return trouble_of(written.error(), "write down the upload");
  co_return StepResult();
}

Task<> HostArchives::forget(const HostKey& key, const std::string& sha256) {
  HostRelease row{key, sha256, ArchiveStatus::uploading, {}};
  co_return co_await put(std::move(row));
}

std::set<HostKey> HostArchives::hosts_of(const std::string& provider_id) const {
  std::set<HostKey> hosts;
  for (auto& [key, release] : known_)
    if (key.first.provider_id == provider_id) hosts.insert(key.first);
  return hosts;
}

std::optional<HostRelease> HostArchives::last_use(const Deployment& node) const {
  Key key{host_of(node), node.sha256};
  auto known = known_.find(key);
  if (known == known_.end() || is_used(key, node.id)) return std::nullopt;
  auto row = known->second;
  row.status = ArchiveStatus::removing;
  row.changed_at = clock_.now();
  return row;
}

Task<std::vector<std::string>> HostArchives::forget_host(HostKey host) {
  std::vector<HostRelease> there;
  for (auto& [key, release] : known_)
    if (key.first == host) there.push_back(release);
  std::vector<std::string> paths;
  for (auto& release : there) {
    CO_TRYV(co_await rows_.remove(release));
    known_.erase(key_of(release));
    paths.push_back(scripts::archive_path(tag_of(host), release.sha256));
  }
  co_return paths;
}

Task<> HostArchives::remove(HostRelease release) {
  auto key = key_of(release);
  if (!known_.contains(key)) co_return Result<>();
  CO_TRY(auto host, find_host_(release.host));
  auto uploading = uploading_.get(key);
  auto held = co_await uploading->turn.take();
  if (is_used(key, "") || !known_.contains(key)) co_return Result<>();
  drivers::Command command;
  command.script =
      scripts::remove_archive(scripts::archive_path(tag_of(release.host), release.sha256));
  CO_TRYV(co_await host->expect(std::move(command), "remove a release archive"));
  CO_TRYV(co_await rows_.remove(release));
  known_.erase(key);
  co_return Result<>();
}

}  // namespace muster::orchestration
