#include "services/orchestration/host_places.h"

namespace muster::orchestration {

HostPlaces::HostPlaces(Settings settings)
    : settings_(settings), usual_(settings.usual), mute_(settings.mute) {}

asio::awaitable<HostPlaces::Place> HostPlaces::take(HostKey key, bool is_new,
                                                    std::string family_id) {
  auto host = hosts_.get(key, key, settings_);
  auto held = co_await (is_new ? host->new_nodes : host->old_nodes).take(std::move(family_id));
  Place place(std::move(host), std::move(held));
  co_await take_again(place);
  co_return place;
}

asio::awaitable<void> HostPlaces::take_again(Place& place) {
  auto& host = *place.host_;
  bool was_mute;
  do {  // what is known of the host may have changed while this waited
    was_mute = host.is_mute;
    place.of_all_.reset();
    place.of_all_.emplace(co_await (was_mute ? mute_ : usual_).take(host.name));
  } while (was_mute != host.is_mute);
}

}  // namespace muster::orchestration
