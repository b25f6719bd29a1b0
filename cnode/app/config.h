#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/role.h"
#include "services/alarms/tuning.h"
#include "store/metrics/schedule.h"

namespace muster::app {

/// Where the daemon listens: "127.0.0.1:8080", "[::1]:8080", ":8080" (all addresses).
struct Endpoint {
  std::string address = "127.0.0.1";
  std::uint16_t port = 8080;
};
Result<Endpoint> parse_endpoint(const std::string& text);

/// All that can be configured: defaults, then the TOML file, then the command line (rel/muster.toml
/// shows each).
struct Config {
  std::string name = "muster";                       ///< "muster" or "muster@host"
  std::optional<std::filesystem::path> cookie_file;  ///< else `cookie` in data_dir
  std::filesystem::path data_dir;                    ///< else $XDG_STATE_HOME/muster
  std::string log_level = "info";
  std::size_t expected_nodes = 1000;  ///< the file limit is checked against it at start

  struct Http {
    Endpoint listen;
    std::filesystem::path certificate, key;  ///< PEM; both given: HTTPS
  } http;

  struct Distribution {
    std::optional<std::string> address;          ///< else the address of the daemon's own host part
    std::uint16_t port_min = 0, port_max = 0;    ///< 0: any free port
    std::filesystem::path certificate, key, ca;  ///< PEM; given: TLS distribution can be used
    std::chrono::seconds probe_after{30}, down_after{60};
    Role home_cookie = Role::none;  ///< of nodes that come with ~/.erlang.cookie
  } distribution;

  struct Agents {
    std::chrono::seconds interval{60};
  } agents;

  struct Metrics {
    store::Schedule keep = *store::parse_schedule("1m:1h 5m:1d 15m:7d");
    std::size_t keep_megabytes = 8192;  ///< then the oldest goes before its time
  } metrics;

  struct Graphite {
    std::optional<Endpoint> address;  ///< none: nothing is sent
    std::string path = "muster.{family}.{node}.{metric}";
  } graphite;

  struct Notifications {
    std::size_t keep_megabytes = 2048, keep_days = 30;  ///< whichever comes first
    std::size_t per_second = 100;  ///< of one node; more is dropped and counted
  } notifications;

  struct Limits {
    std::size_t outsiders_megabytes = 256;  ///< what outsiders can make the daemon hold in memory
  } limits;

  alarms::Tunings alarms;  ///< by built-in rule

  struct Ssh {
    std::filesystem::path key;             ///< else the key made at first start, and ssh-agent
    std::string host_keys = "accept-new";  ///< or "strict": known_hosts decides
  } ssh;
};

/// Reads `file` over `config`. Errors: bad_request naming the key that is unknown or of the wrong
/// type.
Result<> read_config(const std::filesystem::path& file, Config& config);

/// The data directory when none is given: $XDG_STATE_HOME/muster, else ~/.local/state/muster.
std::filesystem::path default_data_dir();

}  // namespace muster::app
