#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "drivers/host.h"

namespace muster::drivers {

/// A machine that a provider has.
struct Machine {
  std::string id;  ///< the same as long as the provider is not edited: "10.0.0.7:22", "local"
  std::string node_host;                          ///< the host part of the names of its nodes
  std::map<std::string, std::string> attributes;  ///< as the user gave them; checked, not used
  /// Whose nodes lie there and where, as far as the provider says: another user or folder is
  /// another place.
  std::string user, folder;
};

/// A provider of machines, made from what the user stored. Owned by orchestration; lives on the
/// loop's thread.
class Driver {
 public:
  virtual ~Driver() = default;

  /// All of them, in the order in which the user gave them. Never empty.
  virtual const std::vector<Machine>& machines() const = 0;

  /// The host behind a machine; does not connect. `user` is the deployment domain's SSH user, used
  /// where the provider names none for this machine; may be empty. Errors: not_found.
  virtual Result<std::shared_ptr<Host>> host(const std::string& machine,
                                             const std::string& user) = 0;
};

}  // namespace muster::drivers
