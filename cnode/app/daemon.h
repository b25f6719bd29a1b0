#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <memory>

#include "app/config.h"
#include "app/cookies.h"
#include "app/data_dir.h"
#include "app/identity.h"
#include "app/loop_watch.h"
#include "app/losses.h"
#include "app/self_check.h"
#include "base/budget.h"
#include "doors/dist/door.h"
#include "doors/dist/subscriber.h"
#include "doors/rest/server.h"
#include "mesh/agents.h"
#include "mesh/manager.h"
#include "ops/table.h"
#include "services/access/audit.h"
#include "services/access/token_table.h"
#include "services/alarms/watch.h"
#include "services/alarms/webhooks.h"
#include "services/commands/commands.h"
#include "services/metrics/metrics.h"
#include "services/notifications/notifications.h"
#include "services/orchestration/engine.h"
#include "services/orchestration/families.h"
#include "services/orchestration/mesh_nodes.h"
#include "services/orchestration/node_operations.h"
#include "services/orchestration/providers.h"
#include "services/orchestration/releases.h"
#include "services/topology/topology.h"
#include "store/cipher.h"
#include "store/database.h"
#include "store/key_file.h"

namespace muster::app {

/// Everything the daemon is made of, and how it hangs together: each object is made here and gets
/// references to what it uses. start() brings it up from the store outwards, stop() takes it down
/// in the opposite order. Lives on the loop.
class Daemon {
 public:
  /// Opens what is in the data directory, which is `config.data_dir` and ours alone. Errors: those
  /// of the key and of the database. `meter` runs the loop; `outsiders` is of memory, for what
  /// callers and nodes make us hold, and outlives `io`; both are referred to.
  static Result<std::unique_ptr<Daemon>> open(asio::io_context& io, const LoopMeter& meter,
                                              Budget& outsiders, DataDir data_dir, Config config,
                                              Identity identity, Cookies cookies,
                                              store::LostSecrets lost);
  ~Daemon();

  /// Listens and serves. Errors: a name or port that is taken, certificates that cannot be read.
  Task<> start();
  asio::awaitable<void> stop();
  /// Agents that obey another installation are taken over. Before start().
  void take_over();
  /// Reads the certificates of HTTPS and of TLS distribution again: new connections get them. Those
  /// that cannot be used leave the old ones in place, and the log says so.
  void reload_certificates();
  /// Its node names and where REST listens, for the log.
  std::string whereabouts() const;

 private:
  /// Who knows which family something is of.
  ops::FamilyLookup families() const;
  Daemon(asio::io_context& io, const LoopMeter& meter, Budget& outsiders, DataDir data_dir,
         Config config, dist::NodeConfig node, std::unique_ptr<store::Database> database,
         store::Cipher cipher, access::AdminToken token, bool is_cookie_from_before);

  DataDir data_dir_;  ///< locked until everything else is gone
  Config config_;
  Budget& outsiders_;
  Losses losses_;
  SystemClock clock_;
  LoopWatch loop_watch_;
  asio::thread_pool workers_{2};  ///< hashing, tar: what would hold up the loop
  std::unique_ptr<store::Database> database_;
  store::Cipher cipher_;
  bool is_cookie_from_before_;
  access::TokenTable tokens_;
  access::Audit audit_;
  std::string started_with_;  ///< options that change whom it trusts, for the audit
  ops::EventBus events_;
  ops::Table table_;
  mesh::NodeManager manager_;
  dist::Node node_;
  SelfCheck self_check_;
  topology::Topology topology_;
  mesh::Agents agents_;
  commands::Commands commands_;
  metrics::Metrics metrics_;
  notifications::Notifications notifications_;
  alarms::Desk alarm_desk_;
  alarms::Watch alarm_watch_;
  alarms::Webhooks alarm_webhooks_;
  drivers::Hosts hosts_;
  orchestration::Catalogue catalogue_;
  orchestration::Providers providers_;
  orchestration::Releases releases_;
  orchestration::Families families_;
  orchestration::MeshNodes mesh_nodes_;
  orchestration::DeploymentRows deployment_rows_;
  orchestration::Engine deployments_;
  orchestration::NodeOperations deployed_nodes_;
  doors::dist::Subscribers subscribers_;
  doors::dist::Door erlang_door_;
  doors::rest::Server rest_door_;
};

}  // namespace muster::app
