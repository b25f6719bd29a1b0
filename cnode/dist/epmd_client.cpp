#include "dist/epmd_client.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/fault_log.h"
#include "base/log.h"
#include "base/timeout.h"
#include "dist/link_error.h"
#include "dist/setup.h"

namespace muster::dist {
namespace {

constexpr auto waits = boost::asio::as_tuple(boost::asio::use_awaitable);
using tcp = boost::asio::ip::tcp;

Error of(LinkError error, const boost::asio::ip::address& address, const char* what) {
  return Error(make_error_code(error), "epmd at " + address.to_string() + " " + what);
}

}  // namespace

Task<epmd::Entry> ask_epmd(boost::asio::io_context& context, boost::asio::ip::address address,
                           std::uint16_t port, std::string name,
                           std::chrono::steady_clock::duration limit) {
  Channel::Socket socket(context);
  Deadline deadline(context, socket, limit);
  auto [refused] = co_await socket.async_connect(tcp::endpoint(address, port), waits);
  if (deadline.is_over()) co_return of(LinkError::timeout, address, "does not answer");
  if (refused) co_return of(LinkError::refused, address, "cannot be reached");
  auto request = epmd::port_request(name);
  auto [unsent, sent] =
      co_await boost::asio::async_write(socket, boost::asio::buffer(request), waits);
  std::string answer;
  bool at_end = unsent.failed();
  while (answer.size() < epmd::max_answer) {
    if (auto entry = epmd::port_answer(answer, at_end)) co_return *std::move(entry);
    char chunk[512];
    auto [ec, count] = co_await socket.async_read_some(boost::asio::buffer(chunk), waits);
    if (deadline.is_over()) co_return of(LinkError::timeout, address, "does not answer");
    answer.append(chunk, count);
    at_end = ec.failed();
  }
  co_return of(LinkError::protocol, address, "answers too much");
}

EpmdRegistration::EpmdRegistration(boost::asio::io_context& context, std::string name,
                                   std::uint16_t epmd_port,
                                   std::chrono::steady_clock::duration retry)
    : context_(context),
      name_(std::move(name)),
      epmd_port_(epmd_port),
      retry_(retry),
      socket_(context) {}

Task<> EpmdRegistration::enroll(std::uint16_t port) {
  leave();
  Deadline deadline(context_, socket_, std::chrono::seconds(5));
  boost::system::error_code failed;
  for (auto* address : {"127.0.0.1", "::1"}) {
    socket_ = Channel::Socket(context_);
    auto endpoint = tcp::endpoint(boost::asio::ip::make_address(address), epmd_port_);
    auto [ec] = co_await socket_.async_connect(endpoint, waits);
    failed = ec;
    if (!failed) break;
  }
  auto request = epmd::alive_request(name_, port);
  if (!failed) {
    auto [ec, count] =
        co_await boost::asio::async_write(socket_, boost::asio::buffer(request), waits);
    failed = ec;
  }
  std::string answer;
  while (!failed) {
    char chunk[64];
    auto [ec, count] = co_await socket_.async_read_some(boost::asio::buffer(chunk), waits);
    failed = ec;
    answer.append(chunk, count);
    if (auto result = epmd::alive_answer(answer)) {
      if (!*result) leave();
      is_registered_ = result->has_value();
      co_return *result;
    }
  }
  leave();
  co_return Error(Errc::unavailable, fmt::format("no epmd answers on port {}", epmd_port_));
}

boost::asio::awaitable<void> EpmdRegistration::run(std::uint16_t port) {
  constexpr std::size_t most_heard = 4096;  // it has nothing to say
  std::size_t heard = 0;
  FaultLog faults;
  auto fails = [&](const std::string& why) {
    if (faults.fails(why, FaultLog::Clock::now()))
      log::warn("not registered with epmd, nodes cannot find us by name: {}", why);
  };
  for (;;) {
    if (is_registered_) {
      char ignored[64];
      auto [ec, count] = co_await socket_.async_read_some(boost::asio::buffer(ignored), waits);
      heard += count;
      if (!ec && heard <= most_heard) continue;
      if (ec == boost::asio::error::operation_aborted) co_return;
      leave();
      heard = 0;
      fails(ec ? "epmd is gone" : "epmd talks without end");
    }
    co_await pause(retry_);
    if (auto result = co_await enroll(port); !result)
      fails(result.error().text());
    else if (faults.is_well(FaultLog::Clock::now()))
      log::info("registered with epmd as {}", name_);
  }
}

void EpmdRegistration::leave() {
  boost::system::error_code ignored;
  socket_.close(ignored);
  is_registered_ = false;
}

}  // namespace muster::dist
