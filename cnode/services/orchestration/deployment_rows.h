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
/// Short, and the same for ever: part of where its archives lie.
std::string tag_of(const HostKey& host);
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

/// The tables deployed_nodes and host_releases. Owned by app; lives on the loop. Writes are virtual
/// for tests that let the daemon die around each of them.
class DeploymentRows {
 public:
  /// Both outlive it.
  DeploymentRows(store::Database& database, const store::Cipher& cipher)
      : database_(database), cipher_(cipher) {}
  virtual ~DeploymentRows() = default;

  Task<std::vector<Deployment>> nodes();
  Task<std::vector<HostRelease>> host_releases();

  /// All or none; `nodes` are there until it has ended. Errors: conflict, where something that a
  /// row refers to was deleted meanwhile.
  virtual Task<> insert(const std::vector<Deployment>& nodes);
  /// What changes in the life of a row: goal, reached, step.
  virtual Task<> update(Deployment node);
  /// The row goes; with `release`, in the same commit that one is written.
  virtual Task<> remove(std::string id, std::optional<HostRelease> release);

  /// Makes or changes it.
  virtual Task<> put(HostRelease release);
  virtual Task<> remove(HostRelease release);

 private:
  store::Database& database_;
  const store::Cipher& cipher_;
};

}  // namespace muster::orchestration
