#pragma once

#include <vector>

#include "services/orchestration/deployment.h"
#include "store/cipher.h"
#include "store/database.h"

namespace muster::orchestration {

enum class ArchiveStatus { uploading, present, removing };
BOOST_DESCRIBE_ENUM(ArchiveStatus, uploading, present, removing)

/// A machine, and the user who owns what lies there.
struct HostKey {
  std::string provider_id, machine, user;
  friend auto operator<=>(const HostKey&, const HostKey&) = default;
};
inline HostKey host_of(const Deployment& node) {
  return {node.provider_id, node.machine, node.user};
}

/// A release archive on a host.
struct HostRelease {
  HostKey host;
  std::string sha256;
  ArchiveStatus status = ArchiveStatus::uploading;
  Timestamp changed_at;
};

/// The tables deployed_nodes and host_releases. Owned by Engine; lives on the loop.
class DeploymentRows {
 public:
  /// Both outlive it.
  DeploymentRows(store::Database& database, const store::Cipher& cipher)
      : database_(database), cipher_(cipher) {}

  Task<std::vector<Deployment>> nodes();
  Task<std::vector<HostRelease>> host_releases();

  /// All or none. Errors: conflict, where something that a row refers to was deleted meanwhile.
  Task<> insert(std::vector<Deployment> nodes);
  /// What changes in the life of a row: goal, reached, step.
  Task<> update(Deployment node);
  /// The row goes; with `release`, in the same commit that one is written.
  Task<> remove(std::string id, std::optional<HostRelease> release);

  /// Makes or changes it.
  Task<> put(HostRelease release);
  Task<> remove(HostRelease release);

 private:
  store::Database& database_;
  const store::Cipher& cipher_;
};

}  // namespace muster::orchestration
