#include "dist/acceptor.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "dist/setup.h"

namespace muster::dist {
namespace {

constexpr auto waits = boost::asio::as_tuple(boost::asio::use_awaitable);
using tcp = boost::asio::ip::tcp;

}  // namespace

Acceptor::Acceptor(std::shared_ptr<NodeCore> core, Dialer& dialer, TaskGroup& group)
    : core_(std::move(core)),
      dialer_(dialer),
      group_(group),
      unauthenticated_(std::make_shared<WaitingRoom>(core_->config.limits.incoming)) {}

Result<> Acceptor::listen() {
  const auto& config = core_->config;
  if (config.listen.empty()) return {};
  if (config.port_min == 0) {
    Result<> result;
    for (int attempt = 0; attempt < 20;
         ++attempt)  // a port free at one address may be busy at another
      if (result = listen_on(0); result) return result;
    return result;
  }
  Result<> result;
  for (std::uint32_t port = config.port_min; port <= std::max(config.port_min, config.port_max);
       ++port)
    if (result = listen_on(static_cast<std::uint16_t>(port)); result) return result;
  return result;
}

Result<> Acceptor::listen_on(std::uint16_t port) {
  listeners_.clear();
  for (auto& address : core_->config.listen) {
    Listener listener(core_->context);
    boost::system::error_code ec, ignored;
    tcp::endpoint endpoint(address, port);
    listener.open(endpoint.protocol(), ec);
    if (address.is_v6()) listener.set_option(boost::asio::ip::v6_only(true), ignored);
    listener.set_option(boost::asio::socket_base::reuse_address(true), ignored);
    if (!ec) listener.bind(endpoint, ec);
    if (!ec) listener.listen(1024, ec);
    if (ec)
      return Error(Errc::unavailable, fmt::format("cannot listen on {} port {}: {}",
                                                  address.to_string(), port, ec.message()));
    port = listener.local_endpoint(ignored).port();
    listeners_.push_back(std::move(listener));
  }
  port_ = port;
  return {};
}

void Acceptor::start() {
  for (auto& listener : listeners_) group_.spawn("accept distribution", run(listener));
}

void Acceptor::close() {
  boost::system::error_code ignored;
  for (auto& listener : listeners_) listener.close(ignored);
}

boost::asio::awaitable<void> Acceptor::run(Listener& listener) {
  bool is_short = false;
  for (;;) {
    Channel::Socket socket(core_->context);
    auto [ec] = co_await listener.async_accept(socket, waits);
    if (ec == boost::asio::error::operation_aborted) co_return;
    if (ec) {  // out of descriptors, say: others must go first
      if (!std::exchange(is_short, true)) log::error("cannot accept nodes: {}", ec.message());
      co_await pause(std::chrono::milliseconds(200));
      continue;
    }
    is_short = false;
    if (auto* oldest = unauthenticated_->make_room()) {
      boost::system::error_code ignored;
      oldest->close(ignored);
    }
    group_.spawn("incoming node", serve(std::move(socket)));
  }
}

boost::asio::awaitable<void> Acceptor::serve(Channel::Socket socket) {
  boost::system::error_code ignored;
  auto from = socket.remote_endpoint(ignored).address();
  auto result = co_await let_in(Channel(std::move(socket)), from);
  if (result) co_return;
  auto text =
      fmt::format("a node at {} was not let in: {}", from.to_string(), result.error().text());
  auto left_out = refusals_.left_out();
  if (refusals_.admits(std::chrono::steady_clock::now())) {
    if (left_out > 0) text += fmt::format(" (and {} others since the last such line)", left_out);
    log::info(text);
  }
}

Task<> Acceptor::let_in(Channel channel, boost::asio::ip::address from) {
  Deadline deadline(core_->context, channel.socket(), core_->config.times.handshake);
  struct Listed {
    std::shared_ptr<WaitingRoom> room;
    boost::asio::ip::address from;
    Channel::Socket* socket;
    Listed(std::shared_ptr<WaitingRoom> r, const boost::asio::ip::address& f, Channel::Socket* s)
        : room(std::move(r)), from(f), socket(s) {
      room->enter(from, socket);
    }
    ~Listed() { room->leave(from, socket); }
  } listed(unauthenticated_, from, &channel.socket());
  auto ec = co_await channel.wait(Channel::Socket::wait_read);
  unsigned char first = 0;
  if (!ec && core_->tls_server)
    ::recv(channel.socket().native_handle(), &first, 1, MSG_PEEK | MSG_DONTWAIT);
  if (first == 0x16) CO_TRYV(co_await channel.start_tls_server(*core_->tls_server));
  HandshakeFrames frames(channel);
  ServerHandshake handshake;
  Admission admission;
  for (;;) {
    CO_TRY(auto frame, co_await frames.read());
    auto step = handshake.resume(frame);
    if (step.next == HandshakeStep::Next::identify) {
      admission = decide(handshake.peer(), channel.is_tls());
      step = handshake.decide(std::move(admission.decision));
    }
    if (step.next == HandshakeStep::Next::confirm) {
      // Its row may have got another cookie meanwhile.
      if (!(proof_for(core_->config, settings_of(handshake.peer())) == admission.proof))
        co_return Error(make_error_code(LinkError::cookie),
                        handshake.peer().name + " has another cookie now");
      // An older link of this peer is gone before the acknowledgement: the peer relies on it.
      auto old = core_->links.find(handshake.peer().name);
      if (old != core_->links.end()) {
        auto replaced = old->second;
        replaced->close(LinkError::dropped);
      }
    }
    CO_TRYV(co_await frames.write(std::move(step.frames)));
    if (step.next == HandshakeStep::Next::failed)
      co_return Error(make_error_code(step.error), std::move(step.reason));
    if (step.next == HandshakeStep::Next::confirm) break;
  }
  auto link = std::make_shared<Link>(core_, std::move(channel), handshake.peer(),
                                     std::move(admission.proof), false);
  core_->adopt(link, frames.rest());
  dialer_.connected(link);
  co_return Result<>();
}

std::optional<PeerSettings> Acceptor::settings_of(const HandshakePeer& peer) const {
  return peer.is_dynamic ? std::nullopt : core_->peers.settings(peer.name);
}

Acceptor::Admission Acceptor::decide(const HandshakePeer& peer, bool is_tls) {
  using Status = ServerHandshake::Status;
  auto name = peer.is_dynamic ? "x@" + peer.name : peer.name;
  auto settings = settings_of(peer);
  Admission admission{
      {}, proof_for(core_->config, settings), Challenges::Given(core_->challenges, random_u32())};
  auto& decision = admission.decision;
  decision.self = {core_->self_for(name)->name, core_->creation, admission.challenge.challenge()};
  decision.cookie = admission.proof.cookie;
  if (peer.is_dynamic) {
    decision.given_name = "muster_" + random_hex(8) + "@" + peer.name;
    decision.given_creation = std::max<std::uint32_t>(random_u32(), 4);
    return admission;
  }
  bool must_be_tls = settings && settings->tls;
  if (name == decision.self.name || (must_be_tls && !is_tls)) {
    decision.status = Status::not_allowed;
  } else if (core_->links.find(name) != core_->links.end()) {
    decision.status = Status::alive;
  } else if (dialer_.is_dialling(name)) {
    // Our own attempt is not given up for a name that nobody has proved yet: if this is the real
    // peer, it answers that attempt with nok, or connected() ends it.
    decision.status = decision.self.name > name ? Status::nok : Status::ok_simultaneous;
  }
  return admission;
}

}  // namespace muster::dist
