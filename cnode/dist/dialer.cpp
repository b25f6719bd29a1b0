#include "dist/dialer.h"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/random.h"
#include "dist/epmd_client.h"
#include "dist/proof.h"
#include "dist/setup.h"

namespace muster::dist {
namespace {

constexpr auto kept_addresses = std::chrono::seconds(30);
constexpr auto waits = boost::asio::as_tuple(boost::asio::use_awaitable);
using tcp = boost::asio::ip::tcp;
using LinkResult = Result<std::shared_ptr<Link>>;

Error failed(LinkError error, std::string text) {
  return Error(make_error_code(error), std::move(text));
}

Error itself(const std::string& peer) {
  return failed(LinkError::not_allowed,
                peer + " is this daemon itself, under another spelling of its name: remove it");
}

bool is(const Error& error, LinkError kind) {
  return error.code == make_error_code(kind);
}

/// Another address of the host, or another version of the handshake, may do better.
bool is_worth_another(const Error& error) {
  return is(error, LinkError::refused) || is(error, LinkError::timeout);
}

}  // namespace

Dialer::Dialer(std::shared_ptr<NodeCore> core, TaskGroup& group)
    : core_(std::move(core)),
      group_(group),
      dials_(std::make_shared<Dials>()),
      resolver_(core_->context.get_executor(), system_look_up(core_->context.get_executor()),
                {core_->config.times.connect, core_->config.times.connect, kept_addresses}) {}

Task<std::shared_ptr<Link>> Dialer::connect(std::string peer) {
  if (!is_node_name(peer)) co_return Error(Errc::bad_request, "'" + peer + "' is no node name");
  if (auto up = core_->links.find(peer); up != core_->links.end()) co_return up->second;
  if (peer == core_->self_for(peer)->name) co_return failed(LinkError::not_allowed, "that is us");
  if (ours_.contains(peer)) co_return itself(peer);
  auto found = dials_->find(peer);
  auto dial = found != dials_->end() ? found->second : std::make_shared<Dial>(core_->context);
  if (found == dials_->end()) {
    dials_->emplace(peer, dial);
    group_.spawn("dial " + peer, run(peer, dial));
  }
  while (!dial->result) {  // it may be there already: a dial can fail without waiting for anything
    auto [ec] = co_await dial->done.async_wait(waits);
    auto state = co_await boost::asio::this_coro::cancellation_state;
    if (!dial->result && state.cancelled() != boost::asio::cancellation_type::none)
      throw boost::system::system_error(ec);
  }
  co_return *dial->result;
}

boost::asio::awaitable<void> Dialer::run(std::string peer, DialPtr dial) {
  struct Unwound {  // a cancelled dial must not leave callers waiting
    std::shared_ptr<Dials> dials;
    const std::string& peer;
    DialPtr dial;
    ~Unwound() {
      if (!dial->result) finish(*dials, peer, failed(LinkError::dropped, "dialling was given up"));
    }
  } unwound{dials_, peer, dial};
  auto result = co_await this->dial(peer, dial);
  if (dial->result) co_return;
  if (!result && dial->is_yielding) {  // the peer's own connection is on its way
    dial->socket = nullptr;
    boost::asio::steady_timer limit(core_->context, core_->config.times.handshake);
    auto give_up = [dial](boost::system::error_code ec) {
      if (!ec) dial->done.cancel();
    };
    limit.async_wait(give_up);
    while (!dial->result && limit.expiry() > std::chrono::steady_clock::now())
      co_await dial->done.async_wait(waits);
    if (dial->result) co_return;
    result = failed(LinkError::timeout, "the peer's own connection did not come");
  }
  if (!result) result = std::move(result).error().context("connect to " + peer);
  finish(*dials_, peer, std::move(result));
}

Task<std::shared_ptr<Link>> Dialer::dial(std::string peer, DialPtr dial) {
  auto known = core_->peers.settings(peer);
  auto settings = known ? *std::move(known) : PeerSettings{};
  const auto& config = core_->config;
  if (settings.tls && !core_->tls_client)
    co_return failed(LinkError::tls, "TLS is asked for and not configured");
  auto addresses = co_await resolver_.resolve(std::string(host_of(peer)));
  if (!addresses) {
    const bool is_late = addresses.error().errc() == Errc::timeout;
    co_return failed(is_late ? LinkError::timeout : LinkError::refused, addresses.error().message);
  }
  LinkResult result = failed(LinkError::refused, "no address");
  for (auto& address : *addresses) {
    Target target{address, 0, 6};
    if (settings.port) {
      target.port = *settings.port;
    } else {
      auto entry = co_await ask_epmd(core_->context, address, config.epmd_port,
                                     std::string(alive_of(peer)), config.times.connect);
      if (!entry) {
        result = entry.error();
        if (is_worth_another(entry.error())) continue;
        co_return result;
      }
      target.port = entry->port;
      target.version = entry->highest_version >= 6 ? 6 : 5;
    }
    auto again = target;
    result = co_await dial_target(peer, dial, settings, std::move(target));
    bool may_be_old = !result && settings.port && is(result.error(), LinkError::closed);
    if (may_be_old && !dial->is_yielding) {  // nobody told its version: a node of OTP 22 hangs up
      again.version = 5;
      result = co_await dial_target(peer, dial, settings, std::move(again));
    }
    if (result || dial->is_yielding || !is_worth_another(result.error())) co_return result;
  }
  co_return result;
}

Task<std::shared_ptr<Link>> Dialer::dial_target(std::string peer, DialPtr dial,
                                                PeerSettings settings, Target target) {
  Channel::Socket socket(core_->context);
  tcp::endpoint endpoint(target.address, target.port);
  {
    Deadline deadline(core_->context, socket, core_->config.times.connect);
    dial->socket = &socket;
    auto [ec] = co_await socket.async_connect(endpoint, waits);
    dial->socket = nullptr;
    if (dial->is_yielding) co_return failed(LinkError::dropped, "yielded");
    auto where = fmt::format("{}:{}", target.address.to_string(), target.port);
    if (deadline.is_over()) co_return failed(LinkError::timeout, where + " does not answer");
    if (ec) co_return failed(LinkError::refused, where + ": " + ec.message());
  }
  if (is_to_ourselves(peer, socket)) {
    ours_.insert(peer);
    co_return itself(peer);
  }
  Channel channel(std::move(socket));
  co_return co_await shake_hands(std::move(peer), std::move(dial), std::move(channel),
                                 std::move(settings), target.version);
}

/// Who pretends to be a node and passes our handshake on to us does not look like that: epmd of
/// this machine knows one node of our name, and the connection ends at our own socket.
bool Dialer::is_to_ourselves(std::string_view peer, const Channel::Socket& socket) const {
  boost::system::error_code ec;
  auto from = socket.local_endpoint(ec), to = socket.remote_endpoint(ec);
  if (ec || alive_of(peer) != core_->config.name || to.port() != own_port_) return false;
  bool is_this_machine = from.address() == to.address() || to.address().is_loopback();
  auto listens = [&](auto& address) { return address.is_unspecified() || address == to.address(); };
  auto& doors = core_->config.listen;
  return is_this_machine && std::any_of(doors.begin(), doors.end(), listens);
}

Task<std::shared_ptr<Link>> Dialer::shake_hands(std::string peer, DialPtr dial, Channel channel,
                                                PeerSettings settings, int version) {
  Deadline deadline(core_->context, channel.socket(), core_->config.times.handshake);
  dial->socket = &channel.socket();
  struct Forget {
    Dial& dial;
    ~Forget() { dial.socket = nullptr; }
  } forget{*dial};
  auto late = [&](Error error) {
    return deadline.is_over() ? failed(LinkError::timeout, "no answer in the handshake")
                              : std::move(error);
  };
  if (settings.tls) {
    auto secured =
        co_await channel.start_tls_client(*core_->tls_client, std::string(host_of(peer)));
    if (!secured) co_return late(secured.error());
  }
  Challenges::Given given(core_->challenges, random_u32());
  HandshakeSelf self{core_->self_for(peer)->name, core_->creation, given.challenge()};
  auto is_ours = [challenges = core_->challenges](std::uint32_t challenge) {
    return challenges->is_ours(challenge, Challenges::Clock::now());
  };
  auto proof = proof_for(core_->config, settings);
  ClientHandshake handshake(std::move(self), peer, proof.cookie, version, std::move(is_ours));
  HandshakeFrames frames(channel);
  auto step = handshake.start();
  for (;;) {
    auto written = co_await frames.write(std::move(step.frames));
    if (!written) co_return late(written.error());
    switch (step.next) {
      case HandshakeStep::Next::failed:
        co_return failed(step.error, std::move(step.reason));
      case HandshakeStep::Next::retry:
        dial->is_yielding = true;
        co_return failed(LinkError::dropped, "the peer prefers its own connection");
      case HandshakeStep::Next::alive:
        step = handshake.alive(core_->links.find(peer) == core_->links.end());
        continue;
      case HandshakeStep::Next::done: {
        if (dial->result || dial->is_yielding) co_return failed(LinkError::dropped, "yielded");
        auto link = std::make_shared<Link>(core_, std::move(channel), handshake.peer(),
                                           std::move(proof), true);
        core_->adopt(link, frames.rest());
        co_return link;
      }
      default:
        break;
    }
    auto frame = co_await frames.read();
    if (!frame) {
      auto error = frame.error();
      if (is(error, LinkError::closed)) error.code = make_error_code(handshake.closed());
      if (is(error, LinkError::cookie)) error.message = "the peer closed after our digest";
      co_return late(std::move(error));
    }
    step = handshake.resume(*frame);
  }
}

void Dialer::finish(Dials& dials, std::string_view peer, LinkResult result) {
  auto found = dials.find(peer);
  if (found == dials.end()) return;
  auto dial = found->second;
  dials.erase(found);
  dial->result = std::move(result);
  dial->done.cancel();
}

void Dialer::yield(std::string_view peer) {
  auto found = dials_->find(peer);
  if (found == dials_->end()) return;
  found->second->is_yielding = true;
  boost::system::error_code ignored;
  if (found->second->socket) found->second->socket->close(ignored);
}

void Dialer::connected(const std::shared_ptr<Link>& link) {
  yield(link->peer());
  finish(*dials_, link->peer(), link);
}

void Dialer::abandon(std::string_view peer) {
  ours_.erase(std::string(peer));
  yield(peer);
  finish(*dials_, peer, failed(LinkError::dropped, "dialling was given up"));
}

}  // namespace muster::dist
