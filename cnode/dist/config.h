#pragma once

#include <boost/asio/ip/address.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/budget.h"
#include "base/role.h"
#include "base/secret.h"

namespace muster::dist {

/// Files in PEM for inet_tls_dist, both roles. The peer's certificate must come from `authority`
/// and, where we dial, name the host part of the peer's node name.
struct TlsFiles {
  std::string certificate, key, authority;
};

struct Times {
  using Duration = std::chrono::steady_clock::duration;
  Duration handshake = std::chrono::seconds(7);  ///< net_kernel's net_setuptime
  Duration connect = std::chrono::seconds(7);    ///< resolving, epmd, TCP: each so long
  Duration tick = std::chrono::seconds(15);      ///< nothing sent for so long: a tick
  Duration probe = std::chrono::seconds(30);     ///< nothing received for so long: ask
  Duration silence = std::chrono::seconds(60);   ///< still nothing: the link is down
  Duration epmd_retry = std::chrono::seconds(2);
};

struct Limits {
  std::size_t frame = 128u << 20;       ///< one message from a peer that knows our own cookie
  std::size_t guest_frame = 16u << 20;  ///< from any other; a longer one is left out
  std::size_t writable = 1u << 20;      ///< Link::writable() waits while more than this is queued
  std::size_t read_stop = 8u << 20;  ///< more than this queued: nothing more is read from the peer
  std::size_t queued = 128u << 20;   ///< more than this queued before a message: the link is closed
  std::size_t incoming = 1'000;      ///< connections that have not authenticated yet
  std::size_t per_link = 1'000'000;  ///< monitors, links and spawned jobs of one peer
  std::size_t per_guest = 10'000;    ///< the same of one that knows another cookie than our own
};

/// Who we are in the mesh and where we listen. One process has two names: NAME@short_host towards
/// peers whose host part has no dot, NAME@long_host towards the others (an empty one takes the
/// other's).
struct NodeConfig {
  std::string name;  ///< the alive part, "muster"
  std::string short_host, long_host;
  Secret cookie;                      ///< our own: who proves to know it is admin
  std::optional<Secret> home_cookie;  ///< of peers whose settings have none; absent: our own
  Role home_role = Role::none;        ///< of who proves to know that one
  std::vector<boost::asio::ip::address> listen;  ///< all on the same port; empty: not reachable
  std::uint16_t port_min = 0, port_max = 0;      ///< 0: any free port
  std::uint16_t epmd_port = 4369;                ///< ours and every peer's, as ERL_EPMD_PORT
  std::optional<TlsFiles> tls;                   ///< present: TLS can be spoken and is accepted
  Times times;
  Limits limits;
  Budget* budget = nullptr;  ///< what links hold is claimed there; null: not counted
};

/// How one peer is reached.
struct PeerSettings {
  std::optional<Secret> cookie;       ///< else NodeConfig::home_cookie, else our own
  Role role = Role::none;             ///< of who proves to know `cookie`
  std::optional<std::uint16_t> port;  ///< fixed port: no epmd is asked
  bool tls = false;                   ///< dialled by TLS, and refused without it
};

/// What the layer above knows about peers. Asked at each dial and each incoming connection.
class PeerDirectory {
 public:
  virtual ~PeerDirectory() = default;
  /// Nothing: a stranger, met with PeerSettings{}.
  virtual std::optional<PeerSettings> settings(const std::string& node) const = 0;
  /// PeerSettings::role as it is now, if `cookie` is the peer's; none otherwise. Asked at each call
  /// that comes over a link which has proved a cookie of the peer's own.
  virtual Role role(const std::string& node, const Secret& cookie) const = 0;
};

}  // namespace muster::dist
