#pragma once

#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/while_used.h"
#include "services/orchestration/bootstrap.h"
#include "services/orchestration/catalogue.h"
#include "services/orchestration/fleet.h"
#include "services/orchestration/host_archives.h"
#include "services/orchestration/host_places.h"
#include "services/orchestration/node_manager.h"
#include "services/orchestration/scripts.h"
#include "services/orchestration/stop_policy.h"
#include "services/orchestration/trouble.h"

namespace muster::orchestration {

/// How long things may take, and how many at once.
struct DeploySettings {
  std::chrono::seconds answer_limit{60};  ///< from the start command to the first handshake
  std::chrono::seconds start_limit{60};   ///< of a start command
  std::chrono::seconds stop_limit{60};    ///< of a stop command
  std::chrono::seconds bootstrap_limit{120};
  std::chrono::seconds unpack_limit{600};
  std::chrono::seconds short_limit{60};         ///< of a look, a signal, a removal's each try
  std::chrono::milliseconds first_pause{1000};  ///< after a host could not be reached; then longer
  unsigned attempts = 4;
  std::size_t starts_per_host = 8;
  HostPlaces::Settings places;
  StopPolicy::Settings stop;
};

/// What the steps of one node hold while they follow each other.
struct Held {
  std::optional<SharedSlot> start;    ///< a place among those that boot on this host
  std::optional<SharedSlot> joining;  ///< it alone of its family decides with whom it joins
};

/// Carries out one step on one node: knows what a step is, not when it is due. Every step may be
/// repeated after it was cut short anywhere. Owned by Engine; lives on the loop.
class StepRunner {
 public:
  StepRunner(asio::thread_pool& pool, Catalogue& catalogue, FindHost find_host,
             NodeManager& manager, HostArchives& archives, const Fleet& fleet, const Clock& clock,
             DeploySettings settings);

  /// `had_started`: there may be something of an earlier start. Nothing: it worked.
  asio::awaitable<StepResult> run(Deployment node, Step step, bool had_started, Held& held);

  const DeploySettings& settings() const { return settings_; }

 private:
  /// What every step works with.
  struct Site {
    Deployment node;
    Family family;
    Release release;
    std::shared_ptr<drivers::Host> host;
    Environment environment;
  };
  Result<Site> site(Deployment node);

  asio::awaitable<StepResult> unpack(const Site& site);
  asio::awaitable<StepResult> start(const Site& site, bool had_started);
  asio::awaitable<StepResult> answer(const Site& site);
  asio::awaitable<StepResult> bootstrap(const Site& site, Held& held);
  asio::awaitable<StepResult> bootstrap_with(const Site& site, const Bootstrap& how,
                                             const std::string& family_id, Held* held);
  asio::awaitable<StepResult> carry_out(const Site& site, const Bootstrap& how,
                                        const std::string& family_id, BootstrapPlan plan);
  asio::awaitable<StepResult> stop(const Site& site);
  asio::awaitable<StepResult> remove(const Site& site);

  std::vector<Member> members(const std::string& family_id, const std::string& but_not) const;
  std::optional<Member> find_member(const std::string& id_or_name) const;
  RunningNode peer(const Site& site) const;
  drivers::Command command(const Site& site, std::string script, std::chrono::seconds limit) const;
  drivers::Command look(std::string script) const;
  Task<std::vector<scripts::Process>> processes(const Site& site, std::string script);
  using Contents = std::shared_ptr<const std::map<std::string, std::string>>;
  Task<Contents> templates(const Release& release);

  asio::thread_pool& pool_;
  Catalogue& catalogue_;
  FindHost find_host_;
  NodeManager& manager_;
  HostArchives& archives_;
  const Fleet& fleet_;
  const Clock& clock_;
  DeploySettings settings_;
  WhileUsed<drivers::Host*, Slots> starts_;
  WhileUsed<std::string, Slots> joins_;  ///< by family
  Slots reading_{1};                     ///< archives, for their templates
  std::string contents_of_;              ///< what contents_ are of
  Contents contents_;
};

}  // namespace muster::orchestration
