#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/slots.h"
#include "base/while_used.h"
#include "services/orchestration/deployment_rows.h"

namespace muster::orchestration {

/// How many nodes are worked on at once: so many of each host, and so many together, which the
/// hosts have in turn. A host that could not be reached the last time takes none of the usual
/// places, but one of a few for its kind: however many hosts are mute, and however much is asked
/// of them, they delay the others by one attempt at most. Lives on one executor.
class HostPlaces {
 public:
  struct Settings {
    /// New nodes wait for one upload: those that are there already do not wait for it too.
    std::size_t new_per_host = 32, old_per_host = 64;
    std::size_t usual = 1024, mute = 256;
  };

 private:
  struct OfHost {
    OfHost(const HostKey& key, const Settings& settings)
        : name(key.provider_id + '/' + key.machine + '/' + key.user),
          new_nodes(settings.new_per_host),
          old_nodes(settings.old_per_host) {}
    std::string name;
    Slots new_nodes, old_nodes;
    bool is_mute = false;
  };

 public:
  explicit HostPlaces(Settings settings);

  class Place {
   public:
    /// A host that was heard from is a usual one again.
    void was_heard() { host_->is_mute = false; }
    void was_mute() { host_->is_mute = true; }

   private:
    friend class HostPlaces;
    Place(std::shared_ptr<OfHost> host, Slots::Held of_host)
        : host_(std::move(host)), of_host_(std::move(of_host)) {}
    std::shared_ptr<OfHost> host_;
    Slots::Held of_host_;
    std::optional<Slots::Held> of_all_;
  };

  /// Families have those of one host in turn.
  asio::awaitable<Place> take(HostKey host, bool is_new, std::string family_id);
  /// Between two attempts, by who holds nothing else: gives its place among all to who is next and
  /// takes one of the right kind.
  asio::awaitable<void> take_again(Place& place);

 private:
  Settings settings_;
  Slots usual_, mute_;
  WhileUsed<HostKey, OfHost> hosts_;
};

}  // namespace muster::orchestration
