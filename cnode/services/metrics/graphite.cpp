#include "services/metrics/graphite.h"

#include <fmt/format.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/write.hpp>
#include <cmath>

#include "base/backoff.h"
#include "base/fault_log.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"

namespace muster::metrics {

using namespace std::chrono_literals;
using asio::ip::tcp;

namespace {

constexpr auto patience = 10s, kept_addresses = 0s;  // the pauses between connections are enough
constexpr auto no_throw = asio::as_tuple(asio::use_awaitable);

std::string clean(std::string_view text, bool keeps_dots) {
  std::string out;
  for (char c : text) {
    bool is_plain = std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' ||
                    (c == '.' && keeps_dots);
    out += is_plain ? c : '_';
  }
  return out.empty() ? "_" : out;
}

Task<> write_all(tcp::socket& socket, const std::string& lines) {
  auto [ec, count] = co_await asio::async_write(socket, asio::buffer(lines), no_throw);
  if (ec) co_return Error(ec, "write");
  co_return Result<>();
}

}  // namespace

std::string graphite_path(const std::string& format, const std::string& family,
                          const std::string& node, const store::Series& series) {
  auto metric = clean(series.name, true);
  for (auto& [key, value] : parse_labels(series.labels))
    metric += "." + clean(key, false) + "_" + clean(value, false);
  if (!series.part.empty()) metric += "." + clean(series.part, false);
  std::string path;
  for (std::size_t at = 0; at < format.size();) {
    auto rest = std::string_view(format).substr(at);
    auto put = [&](std::string_view name, const std::string& value) {
      if (!rest.starts_with(name)) return false;
      path += value;
      at += name.size();
      return true;
    };
    if (put("{metric}", metric) || put("{node}", clean(node, false)) ||
        put("{family}", clean(family, false)))
      continue;
    path += format[at++];
  }
  return path;
}

Graphite::Graphite(const asio::any_io_executor& executor, GraphiteSettings settings,
                   Resolver::LookUp look_up)
    : settings_(std::move(settings)),
      resolver_(executor, std::move(look_up), {patience, patience, kept_addresses}),
      has_text_(executor, asio::steady_timer::time_point::max()),
      running_(executor) {}

void Graphite::start() {
  if (is_on()) running_.spawn("graphite", run());
}

asio::awaitable<void> Graphite::stop() {
  running_.cancel();
  co_await running_.join();
}

void Graphite::offer(const std::string& family, const std::string& node, const store::Round& round,
                     const Dictionary& dictionary) {
  Text text;
  for (auto& sample : round.samples) {
    auto number = sample.number();
    if (!std::isfinite(number.real())) continue;
    auto path = graphite_path(settings_.path, family, node, dictionary.series_of(sample.series));
    auto out = std::back_inserter(text.lines);
    if (number.is_real)
      fmt::format_to(out, "{} {} {}\n", path, number.real(), round.when.at / 1000);
    else
      fmt::format_to(out, "{} {} {}\n", path, number.integer(), round.when.at / 1000);
    ++text.count;
  }
  waiting_ += text.lines.size();
  texts_.push_back(std::move(text));
  while (waiting_ > settings_.most_bytes) {
    dropped_ += texts_.front().count;
    waiting_ -= texts_.front().lines.size();
    texts_.pop_front();
  }
  has_text_.cancel();
}

asio::awaitable<void> Graphite::run() {
  auto executor = co_await asio::this_coro::executor;
  Backoff backoff(1s, 60s);
  FaultLog faults;
  for (;;) {
    auto line = std::make_shared<Line>(executor);
    auto connected = co_await connect(line);
    if (!connected) {
      line->why = connected.error().text();
    } else {
      if (faults.is_well(FaultLog::Clock::now()))
        log::info("graphite: connected with {}:{}", settings_.host, settings_.port);
      running_.spawn("graphite's end", watch(line));
      auto sending = send(line);
      co_await std::move(sending);
      if (line->has_taken) backoff.reset();
    }
    if (faults.fails(line->why, FaultLog::Clock::now()))
      log::warn("graphite: {}:{}: {}", settings_.host, settings_.port, line->why);
    co_await pause(backoff.next(random_u32()));
  }
}

Task<> Graphite::connect(std::shared_ptr<Line> line) {
  CO_TRY(auto addresses, co_await resolver_.resolve(settings_.host));
  std::vector<tcp::endpoint> endpoints;
  for (auto& address : addresses) endpoints.emplace_back(address, settings_.port);
  auto [ec, endpoint] = co_await asio::async_connect(line->socket, endpoints, no_throw);
  if (ec) co_return Error(ec, "");
  co_return Result<>();
}

/// Reads and forgets: only the end of the connection is of interest. Graphite has nothing to say;
/// who talks without end is left.
asio::awaitable<void> Graphite::watch(std::shared_ptr<Line> line) {
  constexpr std::size_t most_heard = 4096;
  std::array<char, 256> block;
  for (std::size_t heard = 0; !line->is_over;) {
    auto [ec, count] = co_await line->socket.async_read_some(asio::buffer(block), no_throw);
    heard += count;
    if (!ec && heard > most_heard) line->why = "it talks without end";
    line->is_over = ec || heard > most_heard;
  }
  has_text_.cancel();
}

asio::awaitable<void> Graphite::send(std::shared_ptr<Line> line) {
  while (!line->is_over) {
    if (texts_.empty()) {
      has_text_.expires_after(24h);
      co_await has_text_.async_wait(no_throw);
      continue;
    }
    auto text = std::move(texts_.front());
    texts_.pop_front();
    waiting_ -= text.lines.size();
    auto sent = co_await with_timeout(write_all(line->socket, text.lines), 30s, "graphite");
    line->has_taken = line->has_taken || sent;
    if (sent) continue;
    waiting_ += text.lines.size();
    texts_.push_front(std::move(text));
    line->is_over = true;
  }
  boost::system::error_code ignored;
  line->socket.close(ignored);
}

}  // namespace muster::metrics
