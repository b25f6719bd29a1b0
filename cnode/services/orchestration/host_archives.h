#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/slots.h"
#include "base/while_used.h"
#include "ops/events.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/deployment_rows.h"
#include "services/orchestration/fleet.h"
#include "services/orchestration/trouble.h"

namespace muster::orchestration {

/// The host behind a row; made from the catalogue's drivers by app, faked in tests.
using FindHost = std::function<Result<std::shared_ptr<drivers::Host>>(const HostKey&)>;
FindHost find_host_in(Catalogue& catalogue);

/// The release archives that lie on hosts: each is uploaded once per host however many nodes are
/// made from it, has a row from before the upload until the file is gone, and goes with the last
/// node that was made from it. Owned by Engine; lives on the loop. A caller that is cancelled
/// unwinds, the row stays as it was, and the next one goes on with the upload.
class HostArchives {
 public:
  HostArchives(DeploymentRows& rows, const Fleet& fleet, Catalogue& catalogue, FindHost find_host,
               ops::EventBus& bus, const Clock& clock)
      : rows_(rows),
        fleet_(fleet),
        catalogue_(catalogue),
        find_host_(std::move(find_host)),
        bus_(bus),
        clock_(clock) {}

  /// Reads the rows; gives those that are to be removed.
  Task<std::vector<HostRelease>> start();

  /// It is on the host once this is done. Callers for the same archive on the same host wait for
  /// one upload, and one that fails answers all who waited for it.
  asio::awaitable<StepResult> ensure(std::shared_ptr<drivers::Host> host, HostKey key,
                                     Release release);
  /// The host says that it is not there, whatever the row says.
  Task<> forget(const HostKey& key, const std::string& sha256);

  /// The rows of a host that is gone for good go; gives the paths of the archives.
  Task<std::vector<std::string>> forget_host(HostKey host);
  /// The machines of a provider on which there are some, in use or not.
  std::set<HostKey> hosts_of(const std::string& provider_id) const;

  /// The row to write when this node's row goes: nothing while another node needs the archive.
  std::optional<HostRelease> last_use(const Deployment& node) const;
  /// Removes the file, unless it is needed again meanwhile, and then the row.
  Task<> remove(HostRelease release);
  /// Needed by no node: the row of last_use() was written.
  void expect_removal(const HostRelease& release) { known_[key_of(release)] = release; }

 private:
  using Key = std::pair<HostKey, std::string>;
  static Key key_of(const HostRelease& release) { return {release.host, release.sha256}; }
  bool is_used(const Key& key, const std::string& but_not_by) const;
  Task<> put(HostRelease release);
  asio::awaitable<StepResult> upload(drivers::Host& host, HostKey key, const Release& release);

  /// Of one archive on one host.
  struct Uploading {
    Slots turn{1};  ///< one upload or removal at a time
    std::uint64_t failures = 0;
    StepResult last_failure;
  };

  DeploymentRows& rows_;
  const Fleet& fleet_;
  Catalogue& catalogue_;
  FindHost find_host_;
  ops::EventBus& bus_;
  const Clock& clock_;
  std::map<Key, HostRelease> known_;
  WhileUsed<Key, Uploading> uploading_;
};

}  // namespace muster::orchestration
