#include "drivers/ssh/agent.h"

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include "base/timeout.h"
#include "drivers/ssh/wire.h"

namespace muster::drivers::ssh {
namespace {

enum Message : char { request_identities = 11, identities = 12, sign_request = 13, signature = 14 };
constexpr std::uint32_t kLongest = 256 * 1024;  // as ssh-agent has it
constexpr std::uint32_t kMostKeys = 256;

Error broken() {
  return Error(Errc::unavailable, "ssh-agent did not answer as it should");
}

}  // namespace

Result<std::vector<std::string>> parse_identities(std::string_view answer) {
  WireReader reader(answer);
  if (reader.u8() != std::uint8_t(identities)) return broken();
  const auto count = reader.u32();
  if (!count || *count > kMostKeys) return broken();
  std::vector<std::string> keys;
  for (std::uint32_t i = 0; i < *count; ++i) {
    const auto key = reader.string();
    const auto comment = reader.string();
    if (!key || !comment) return broken();
    keys.emplace_back(*key);
  }
  return keys;
}

Result<std::string> parse_signature(std::string_view answer) {
  WireReader reader(answer);
  if (reader.u8() != std::uint8_t(signature))
    return Error(Errc::forbidden, "ssh-agent did not sign");
  const auto bytes = reader.string();
  if (!bytes) return broken();
  return std::string(*bytes);
}

Task<std::string> Agent::exchange(std::string question) const {
  auto token = asio::as_tuple(asio::use_awaitable);
  asio::local::stream_protocol::socket socket(co_await asio::this_coro::executor);
  auto failed = [](const boost::system::error_code& ec) {
    if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
    return Error(Errc::unavailable, "ssh-agent cannot be asked: " + ec.message());
  };
  if (socket_.size() >= 108)
    co_return Error(Errc::bad_request, "the path of ssh-agent is too long");
  asio::local::stream_protocol::endpoint endpoint(socket_);
  auto [connected] = co_await socket.async_connect(endpoint, token);
  if (connected) co_return failed(connected);
  std::string framed;
  put_string(framed, question);
  auto [written, count] = co_await asio::async_write(socket, asio::buffer(framed), token);
  if (written) co_return failed(written);
  std::string header(4, '\0');
  auto [headed, four] = co_await asio::async_read(socket, asio::buffer(header), token);
  if (headed) co_return failed(headed);
  const auto length = WireReader(header).u32().value_or(0);
  if (length == 0 || length > kLongest) co_return broken();
  std::string answer(length, '\0');
  auto [read, all] = co_await asio::async_read(socket, asio::buffer(answer), token);
  if (read) co_return failed(read);
  co_return answer;
}

Task<std::string> Agent::ask(std::string question) const {
  auto limit = std::chrono::seconds(10);
  co_return co_await with_timeout(exchange(std::move(question)), limit, "ssh-agent");
}

Task<std::vector<std::string>> Agent::keys() const {
  CO_TRY(auto answer, co_await ask(std::string(1, request_identities)));
  co_return parse_identities(answer);
}

Task<std::string> Agent::sign(std::string key, std::string data) const {
  std::string question(1, sign_request);
  put_string(question, key);
  put_string(question, data);
  put_u32(question, 0);
  CO_TRY(auto answer, co_await ask(std::move(question)));
  co_return parse_signature(answer);
}

}  // namespace muster::drivers::ssh
