#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <memory>
#include <string>

#include "base/resolver.h"
#include "base/task_group.h"
#include "services/metrics/dictionary.h"

namespace muster::metrics {

struct GraphiteSettings {
  std::string host;  ///< empty: nothing is sent
  std::uint16_t port = 2003;
  std::string path = "muster.{family}.{node}.{metric}";
  std::size_t most_bytes = std::size_t{32} << 20;  ///< that wait; then the oldest are dropped
};

/// "muster.shop.shop1_10_0_0_7.dist.queue.peer_a_b": dots of names and labels' values that are not
/// the path's own are _.
std::string graphite_path(const std::string& format, const std::string& family,
                          const std::string& node, const store::Series& series);

/// Sends values to a Graphite server by its plaintext protocol over TCP: `path value time`.
/// Connects again after 1 s growing to 60 s; what comes meanwhile waits, within `most_bytes`, and
/// what has been sent when a connection breaks may be lost or come twice. Its end waits for no
/// look-up of the host. Owned by the service; lives on the loop.
/// https://graphite.readthedocs.io/en/latest/feeding-carbon.html
class Graphite {
 public:
  Graphite(const asio::any_io_executor& executor, GraphiteSettings settings)
      : Graphite(executor, std::move(settings), system_look_up(executor)) {}
  Graphite(const asio::any_io_executor& executor, GraphiteSettings settings,
           Resolver::LookUp look_up);
  void start();
  asio::awaitable<void> stop();

  bool is_on() const { return !settings_.host.empty(); }
  void offer(const std::string& family, const std::string& node, const store::Round& round,
             const Dictionary& dictionary);
  std::uint64_t dropped() const { return dropped_; }  ///< values
  std::size_t waiting() const { return waiting_; }    ///< bytes

 private:
  struct Text {
    std::string lines;
    std::size_t count = 0;
  };
  struct Line {
    explicit Line(asio::any_io_executor executor) : socket(executor) {}
    asio::ip::tcp::socket socket;
    bool is_over = false, has_taken = false;
    std::string why = "the connection ended";
  };
  asio::awaitable<void> run();
  Task<> connect(std::shared_ptr<Line> line);
  asio::awaitable<void> watch(std::shared_ptr<Line> line);
  asio::awaitable<void> send(std::shared_ptr<Line> line);

  GraphiteSettings settings_;
  Resolver resolver_;
  std::deque<Text> texts_;
  std::size_t waiting_ = 0;
  std::uint64_t dropped_ = 0;
  asio::steady_timer has_text_;
  TaskGroup running_;
};

}  // namespace muster::metrics
