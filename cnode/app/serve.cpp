#include "app/serve.h"

#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <iostream>
#include <memory>

#include "app/config.h"
#include "app/cookies.h"
#include "app/daemon.h"
#include "app/data_dir.h"
#include "app/file_limit.h"
#include "app/guard_process.h"
#include "app/identity.h"
#include "app/trim_policy.h"
#include "base/log.h"
#include "base/loop_meter.h"
#include "base/offload.h"
#include "base/task_group.h"
#include "base/timeout.h"
#include "services/metrics/health.h"

namespace muster::app {
namespace {

using namespace std::chrono_literals;

struct Options {
  std::string name, cookie_file, data_dir, http, config_file;
  bool ends_with_stdin = false, takes_over = false, forgets_secrets = false;
};

Result<Config> configure(const Options& options) {
  Config config;
  config.data_dir = default_data_dir();
  if (!options.config_file.empty()) TRYV(read_config(options.config_file, config));
  if (!options.name.empty()) config.name = options.name;
  if (!options.cookie_file.empty()) config.cookie_file = options.cookie_file;
  if (!options.data_dir.empty()) config.data_dir = options.data_dir;
  if (!options.http.empty()) {
    TRY(config.http.listen, parse_endpoint(options.http));
  }
  return config;
}

/// Ends when somebody wants the daemon to end: SIGTERM, SIGINT, or (for whoever runs us as a port
/// program) the end of stdin.
asio::awaitable<std::string> wait_for_end(bool ends_with_stdin) {
  using namespace asio::experimental::awaitable_operators;
  auto executor = co_await asio::this_coro::executor;
  asio::signal_set signals(executor, SIGTERM, SIGINT);
  if (!ends_with_stdin) {
    auto number = co_await signals.async_wait(asio::use_awaitable);
    co_return number == SIGTERM ? "SIGTERM" : "SIGINT";
  }
  auto drain = []() -> asio::awaitable<void> {
    asio::posix::stream_descriptor in(co_await asio::this_coro::executor, ::dup(STDIN_FILENO));
    std::array<char, 256> bytes;
    for (boost::system::error_code ec; !ec;)
      std::tie(ec, std::ignore) =
          co_await in.async_read_some(asio::buffer(bytes), asio::as_tuple(asio::use_awaitable));
  };
  auto ended = co_await (signals.async_wait(asio::use_awaitable) || drain());
  co_return ended.index() == 0 ? "a signal" : "stdin was closed";
}

/// What a flood of messages or connections took goes back to the system: without this the allocator
/// keeps all of it that lies below something small.
/// On a thread of its own, for it takes long where much is free.
asio::awaitable<void> run_trimming() {
  asio::thread_pool trimmer(1);
  auto look = [] {
    auto heap = ::mallinfo2();
    return MemoryUse{metrics::resident_bytes(), heap.uordblks + heap.hblkhd};
  };
  auto trim = [&look] {
    ::malloc_trim(0);
    return look();
  };
  TrimPolicy policy(look());
  for (;;) {
    co_await pause(10s);
    auto use = co_await offload(trimmer, look);
    auto began = std::chrono::steady_clock::now();
    if (!policy.is_due(use, began)) continue;
    use = co_await offload(trimmer, trim);
    auto now = std::chrono::steady_clock::now();
    policy.trimmed(now - began, use, now);
  }
}

/// SIGHUP: certificates and the log level are read again; all else waits for the next start.
asio::awaitable<void> run_reloading(Daemon& daemon, Options options) {
  asio::signal_set signals(co_await asio::this_coro::executor, SIGHUP);
  for (;;) {
    co_await signals.async_wait(asio::use_awaitable);
    log::info("SIGHUP: reading certificates and the log level again");
    daemon.reload_certificates();
    if (auto config = configure(options))
      spdlog::set_level(spdlog::level::from_str(config->log_level));
    else
      log::error("the log level stays as it is: {}", config.error().text());
  }
}

asio::awaitable<void> run(Daemon& daemon, Options options, std::string warning, int& exit_code) {
  TaskGroup upkeep(co_await asio::this_coro::executor);
  upkeep.spawn("trim memory", run_trimming());
  auto started = co_await daemon.start();
  if (started) {
    upkeep.spawn("reload", run_reloading(daemon, options));
    if (!warning.empty()) log::warn("{}", warning);
    log::info("muster: ready, {}", daemon.whereabouts());
    auto why = co_await wait_for_end(options.ends_with_stdin);
    log::info("ending: {}", why);
  } else {
    fmt::print(stderr, "muster: {}\n", started.error().text());
    exit_code = 1;
  }
  co_await daemon.stop();
  upkeep.cancel();
  co_await upkeep.join();
}

Result<> serve(const Options& options, int& exit_code) {
  guard_process();
  std::signal(SIGHUP, SIG_IGN);  // until there is something to read again
  TRY(auto config, configure(options));
  spdlog::set_level(spdlog::level::from_str(config.log_level));
  TRY(auto data_dir, DataDir::open(config.data_dir));
  auto host = this_host_name();
  TRY(auto identity, identify(config.name, host, canonical_name(host)));
  TRY(auto cookies, find_cookies(config.cookie_file, data_dir));
  auto cookie_warning = cookies.warning;
  if (auto warning = raise_file_limit(config.expected_nodes); !warning.empty())
    log::warn("{}", warning);

  std::signal(SIGPIPE, SIG_IGN);  // OpenSSL and libcurl write to sockets that the peer has closed
  std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of its write, no more
  Budget outsiders(std::uint64_t{config.limits.outsiders_megabytes} << 20);
  asio::io_context io(1);
  LoopMeter meter;
  auto lost = options.forgets_secrets ? store::LostSecrets::forget : store::LostSecrets::refuse;
  TRY(auto daemon, Daemon::open(io, meter, outsiders, std::move(data_dir), std::move(config),
                                std::move(identity), std::move(cookies), lost));
  if (options.takes_over) daemon->take_over();
  asio::co_spawn(io, run(*daemon, options, std::move(cookie_warning), exit_code),
                 [](std::exception_ptr thrown) {
                   if (thrown) std::rethrow_exception(thrown);
                 });
  meter.run(io);
  return {};
}

}  // namespace

void add_serve(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("serve", "Run the daemon");
  command->add_option("--name", options->name, "Its node name: muster, or muster@HOST");
  command->add_option("--cookie-file", options->cookie_file,
                      "Holds the daemon's own cookie (else `cookie` in the data directory)");
  command->add_option("--data-dir", options->data_dir,
                      "Holds all it keeps (else $XDG_STATE_HOME/muster)");
  command->add_option("--http", options->http, "REST listens on HOST:PORT (127.0.0.1:8080)");
  command->add_option("--config", options->config_file, "A TOML file, see rel/muster.toml");
  command->add_flag("--exit-on-stdin-close", options->ends_with_stdin, "End when stdin is closed");
  command->add_flag("--take-over", options->takes_over,
                    "Take over agents that obey another installation");
  command->add_flag("--forget-secrets", options->forgets_secrets,
                    "Go on without the secrets that secret.key does not open");
  command->callback([options, &exit_code] {
    if (auto served = serve(*options, exit_code); !served) {
      fmt::print(stderr, "muster: {}\n", served.error().text());
      exit_code = 1;
    }
  });
}

}  // namespace muster::app
