#include "dist/name_holder.h"

#include <fmt/format.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fstream>
#include <sstream>

#include "base/random.h"
#include "dist/byte_reader.h"
#include "dist/epmd_client.h"
#include "dist/handshake.h"
#include "dist/setup.h"

namespace muster::dist {
namespace {

using namespace std::chrono_literals;
using tcp = boost::asio::ip::tcp;

constexpr auto limit = 2s;

std::string read_tables() {
  std::stringstream text;
  for (auto* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream in(file);
    if (in.peek() != std::ifstream::traits_type::eof()) text << in.rdbuf();
  }
  return text.str();
}

/// How the node there calls itself; empty where no node answers.
asio::awaitable<std::string> name_at(boost::asio::io_context& context, std::uint16_t port) {
  Channel::Socket socket(context);
  tcp::endpoint endpoint(boost::asio::ip::address_v4::loopback(), port);
  auto waits = boost::asio::as_tuple(boost::asio::use_awaitable);
  {
    Deadline deadline(context, socket, limit);
    auto [refused] = co_await socket.async_connect(endpoint, waits);
    if (refused) co_return std::string();
  }
  Channel channel(std::move(socket));
  Deadline deadline(context, channel.socket(), limit);
  HandshakeFrames frames(channel);
  HandshakeSelf self{"muster_" + random_hex(8) + "@127.0.0.1", 4, random_u32()};
  ClientHandshake handshake(std::move(self), "nobody@127.0.0.1", Secret());
  auto hello = handshake.start();
  if (!co_await frames.write(std::move(hello.frames))) co_return std::string();
  auto status = co_await frames.read();
  if (!status || !status->starts_with('s')) co_return std::string();
  auto challenge = co_await frames.read();
  if (!challenge) co_return std::string();
  ByteReader in(*challenge);
  if (in.u8() != 'N') co_return std::string();
  in.u64();
  in.u32();
  in.u32();
  std::string name(in.take(in.u16()));
  co_return in.ok() ? name : std::string();
}

}  // namespace

bool is_listened_by(std::string_view table, std::uint16_t port, unsigned user) {
  std::istringstream lines{std::string(table)};
  std::string line;
  bool is_ours = false;
  while (std::getline(lines, line)) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits;
    unsigned owner = 0;
    if (!(fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> owner))
      continue;  // the heading
    constexpr auto listening = "0A";
    if (state != listening || !local.ends_with(fmt::format(":{:04X}", port))) continue;
    if (owner != 0 && owner != user) return false;
    is_ours = true;
  }
  return is_ours;
}

Task<> name_is_free(boost::asio::io_context& context, std::string name, std::uint16_t epmd_port) {
  auto loopback = boost::asio::ip::address(boost::asio::ip::address_v4::loopback());
  auto entry = co_await ask_epmd(context, loopback, epmd_port, name, limit);
  if (!entry || !is_listened_by(read_tables(), entry->port, ::geteuid())) co_return Result<>();
  auto holder = co_await name_at(context, entry->port);
  if (alive_of(holder) != name) co_return Result<>();
  co_return Error(
      Errc::conflict,
      fmt::format("register {}: epmd: the name is taken, by the node {} on port {}: end "
                  "it, or give this one another --name",
                  name, holder, entry->port));
}

}  // namespace muster::dist
