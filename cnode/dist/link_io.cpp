#include <boost/asio/as_tuple.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstring>

#include "base/log.h"
#include "base/turn.h"
#include "dist/flags.h"
#include "dist/link.h"
#include "dist/node_core.h"

namespace muster::dist {
namespace {

// Of one link, before others have their turn: bytes that are read, and time. Many links may have
// much to say at once, so it is less than any turn may take.
constexpr std::size_t turn_budget = 1u << 20;
constexpr auto turn_limit = std::chrono::milliseconds(2);
constexpr std::size_t kept_capacity = 4096;  // of buffers of a link at rest

// A peer that streams small messages, or has many calls under way at once, is read in batches,
// every `batch_pause`: a wake-up for each of its writes costs both sides several times what the
// message does. The socket wakes nobody meanwhile (SO_RCVLOWAT), unless so much has come that the
// peer would have to wait. A caller that waits for one answer before it asks again is never kept
// waiting.
constexpr auto batch_pause = std::chrono::microseconds(100);
constexpr int batch_wakes_at = 1 << 16;
constexpr int least_batch = 3;  // messages: fewer, and batching ends
constexpr auto stream_gap = std::chrono::microseconds(100);
constexpr int stream_reads = 32;  // so many small reads, each so soon, make a stream
constexpr double many_calls = 5;  // in a read, on average over the last
constexpr double averaged_reads = 16;

void shrink(std::string& buffer) {
  if (buffer.empty() && buffer.capacity() > kept_capacity) std::string().swap(buffer);
}

/// A whole message that was left when the turn was over.
bool has_backlog(std::string_view in) {
  return in.size() >= 4 && in.size() - 4 >= ByteReader(in).u32();
}

}  // namespace

Link::Link(std::shared_ptr<NodeCore> core, Channel channel, HandshakePeer peer, Proof proof,
           bool is_outgoing)
    : core_(std::move(core)),
      channel_(std::move(channel)),
      peer_(std::move(peer.name)),
      self_(core_->self_for(peer_)),
      peer_atom_(encoded_atom(peer_)),
      names_{self_->atom, peer_atom_, core_->creation},
      flags_(peer.flags),
      creation_(peer.creation),
      proof_{proof.of, proof.of == Proof::Of::peer ? std::move(proof.cookie) : Secret()},
      is_outgoing_(is_outgoing),
      is_dynamic_(peer.is_dynamic),
      life_(Liveness::Clock::now()),
      progress_(Liveness::Clock::now()),
      holder_(core_->config.budget, "node:" + peer_, [this] { close(LinkError::overloaded); }),
      claim_(holder_) {}

const std::string& Link::self() const {
  return self_->name;
}

Role Link::role() const {
  if (proof_.of == Proof::Of::own) return Role::admin;
  if (proof_.of == Proof::Of::home) return core_->config.home_role;
  return core_->peers.role(peer_, proof_.cookie);
}

void Link::start(std::string_view already_read) {
  is_reading_ = true;
  core_->turn = Turn(Liveness::Clock::now(), turn_limit);
  consume(already_read);
  is_reading_ = false;
  flush();
  has_backlog(in_) ? read_rest() : read_more();
}

void Link::read_more() {
  if (!is_up_) return;
  if (queued() > core_->config.limits.read_stop) {
    is_read_stopped_ = true;
    return;
  }
  armed_ = Liveness::Clock::now();
  auto self = shared_from_this();
  if (channel_.is_tls()) {
    channel_.socket().async_wait(Channel::Socket::wait_read, [self](boost::system::error_code ec) {
      self->on_readable(ec, 0);
    });
  } else {
    channel_.socket().async_read_some(
        boost::asio::buffer(first_),
        [self](boost::system::error_code ec, std::size_t count) { self->on_readable(ec, count); });
  }
}

/// Whether to read in batches, seen from a read that is just worked off.
bool Link::is_worth_batching(int messages, std::size_t bytes, Liveness::Clock::time_point now) {
  if (channel_.is_tls() || bytes >= batch_wakes_at || messages == 0) return false;
  bool is_answered = !out_.empty(), is_soon = now - armed_ < stream_gap;
  calls_ = is_answered ? calls_ + (messages - calls_) / averaged_reads : 0;
  if (is_batching_) return (is_answered ? calls_ : messages) >= least_batch;
  streak_ = !is_answered && is_soon && bytes < kept_capacity ? streak_ + 1 : 0;
  return calls_ >= many_calls || streak_ == stream_reads;
}

void Link::set_batching(bool is_batching) {
  if (std::exchange(is_batching_, is_batching) == is_batching) return;
  streak_ = 0;
  boost::system::error_code ec;  // refused: a wake-up more
  channel_.socket().set_option(
      boost::asio::socket_base::receive_low_watermark(is_batching ? batch_wakes_at : 1), ec);
}

/// OpenSSL may hold bytes that the descriptor does not show, and so may we.
void Link::read_rest() {
  boost::asio::post(core_->context, [self = shared_from_this()] { self->on_readable({}, 0); });
}

void Link::read_after_pause() {
  auto timer = std::make_shared<boost::asio::steady_timer>(core_->context, batch_pause);
  timer->async_wait(
      [self = shared_from_this(), timer](boost::system::error_code) { self->on_readable({}, 0); });
}

/// Adds what can be read now behind the first `have` bytes of the shared buffer. False: nothing
/// more for now, or the link is gone once these bytes are worked off.
bool Link::read_into_scratch(std::size_t& have) {
  auto& scratch = core_->scratch;
  auto room = scratch.size() - have;
  boost::system::error_code ec;
  auto count = channel_.read_some(scratch.data() + have, room, ec);
  have += count;
  if (ec && ec != boost::asio::error::would_block) {
    consume({scratch.data(), have});
    have = 0;
    if (!has_backlog(in_)) close(LinkError::closed);
    return false;
  }
  return count > 0 && (channel_.is_tls() || count == room);
}

void Link::on_readable(boost::system::error_code ec, std::size_t count) {
  if (!is_up_) return;
  if (ec) return close(LinkError::closed);
  auto now = Liveness::Clock::now();
  life_.received(now);
  core_->turn = Turn(now, turn_limit);
  std::memcpy(core_->scratch.data(), first_.data(), count);
  bool has_more = channel_.is_tls() || is_batching_ || count == first_.size();
  std::size_t done = 0, have = count;
  int messages = 0;
  is_reading_ = true;
  if (has_backlog(in_)) messages += consume({});
  while (is_up_ && !has_backlog(in_) && (have > 0 || has_more)) {
    if (has_more) has_more = read_into_scratch(have);
    messages += consume({core_->scratch.data(), have});
    done += std::exchange(have, 0);
    if (done >= turn_budget || core_->turn.is_over()) break;
  }
  is_reading_ = false;
  if (!is_up_) return;
  bool is_worth = is_worth_batching(messages, done, now);
  flush();
  bool is_read_on = queued() <= core_->config.limits.read_stop;
  set_batching(is_worth && is_read_on);
  if ((has_backlog(in_) || (has_more && channel_.is_tls())) && is_read_on) {
    read_rest();
  } else if (is_batching_) {
    read_after_pause();
  } else {
    read_more();
  }
}

std::size_t Link::most_frame() const {
  auto& limits = core_->config.limits;
  return is_own() ? limits.frame : std::min(limits.frame, limits.guest_frame);
}

std::size_t Link::most_entries() const {
  auto& limits = core_->config.limits;
  return is_own() ? limits.per_link : std::min(limits.per_link, limits.per_guest);
}

/// The memory that this peer costs, in steps, so that a call that needs little claims nothing.
void Link::claim() {
  constexpr std::size_t unclaimed = 64 * 1024, step = 16 * 1024, entry = 180;
  auto entries = monitors_.size() + links_.size() + jobs_.size();
  auto holds = in_.capacity() + out_.capacity() + entry * entries;
  if (large_) holds += large_->held();
  if (holds <= unclaimed && claim_.bytes() == 0) return;
  holds = holds <= unclaimed ? 0 : (holds + step - 1) / step * step;
  if (!claim_.set(holds)) close(LinkError::overloaded);
}

/// What of these bytes belongs to the large frame that arrives. True: it is whole, and worked off.
bool Link::take_large(std::string_view& bytes) {
  if (!large_->take(bytes)) close(LinkError::overloaded);
  if (!is_up_ || !large_->is_whole()) return false;
  handled_ = std::move(large_);
  handle(handled_->bytes());
  core_->let_go(std::move(handled_));
  return true;
}

/// Works off the frames that these bytes complete, until the turn is over. Returns how many
/// messages that were.
int Link::consume(std::string_view bytes) {
  constexpr std::size_t beginning = 4096;  // of a frame that is left out: who waits for it
  int messages = 0, ticks_from_peer = 0;
  bool is_joined = !in_.empty();
  if (is_joined) {
    in_ += bytes;
    bytes = in_;
  }
  while (is_up_ && (bytes.size() >= 4 || left_out_ > 0 || large_)) {
    if (left_out_ > 0) {
      auto count = std::min<std::size_t>(left_out_, bytes.size());
      bytes.remove_prefix(count);
      left_out_ -= static_cast<std::uint32_t>(count);
      if (bytes.empty()) break;
      continue;
    }
    if (large_) {
      if (!take_large(bytes)) break;
      ++messages;
      continue;
    }
    auto size = ByteReader(bytes).u32();
    if (size > core_->config.limits.frame) {
      fail(Error(Errc::too_large, fmt::format("a message of {} bytes", size)));
      break;
    }
    if (size > most_frame()) {
      if (bytes.size() - 4 < beginning) break;
      refuse_frame(bytes.substr(4, beginning), size);
      bytes.remove_prefix(4);
      left_out_ = size;
      continue;
    }
    if (bytes.size() - 4 < size) {
      if (size < LargeFrame::least) break;
      auto expected = LargeFrame::expect(size);
      if (!expected) {
        close(LinkError::overloaded);
        break;
      }
      large_ = *std::move(expected);
      bytes.remove_prefix(4);
      continue;
    }
    if (messages + ticks_from_peer > 0 && core_->turn.is_over()) break;
    if (size == 0) {
      ++ticks_from_peer;
      auto now = Liveness::Clock::now();
      if (life_.answers_tick(now)) out_.append(4, '\0');
    } else {
      handle(bytes.substr(4, size));
      ++messages;
    }
    bytes.remove_prefix(4 + size);
  }
  if (!is_up_) return messages;
  if (is_joined) {
    in_.erase(0, in_.size() - bytes.size());
  } else {
    in_.assign(bytes);
  }
  shrink(in_);
  claim();
  return messages;
}

FrameWriter Link::frame(Op op, unsigned arity) {
  return FrameWriter(out_, names_, op, arity);
}

void Link::queue(FrameWriter& frame) {
  auto size = frame.end();
  if (!is_up_) {
    out_.clear();
    return;
  }
  auto waiting = out_.size() - written_ - size;
  if (waiting > core_->config.limits.queued) {
    log::warn("{}: {} bytes wait for it, it does not read", peer_, waiting);
    return close(LinkError::overloaded);
  }
  claim();
  if (!is_up_) return;
  if (is_reading_ || waits_to_write_ || is_flush_planned_) return;
  is_flush_planned_ = true;
  core_->flush_later(shared_from_this());
}

void Link::flush() {
  is_flush_planned_ = false;
  if (!is_up_ || waits_to_write_ || out_.empty()) return;
  boost::system::error_code ec;
  auto before = written_;
  while (written_ < out_.size() && !ec)
    written_ += channel_.write_some(out_.data() + written_, out_.size() - written_, ec);
  if (ec && ec != boost::asio::error::would_block) return close(LinkError::closed);
  if (written_ > before) {
    progress_ = Liveness::Clock::now();
    life_.sent(progress_);
  }
  if (written_ == out_.size()) {
    out_.clear();
    written_ = 0;
    if (out_.capacity() > turn_budget) std::string().swap(out_);
    claim();
  } else {
    if (written_ > out_.size() / 2) out_.erase(0, std::exchange(written_, 0));
    waits_to_write_ = true;
    progress_ = Liveness::Clock::now();
    channel_.socket().async_wait(Channel::Socket::wait_write,
                                 [self = shared_from_this()](boost::system::error_code) {
                                   self->waits_to_write_ = false;
                                   self->flush();
                                 });
  }
  auto left = out_.size() - written_;
  if (left <= core_->config.limits.writable)
    for (auto* writer : std::exchange(writers_, {})) writer->cancel();
  if (is_read_stopped_ && left <= core_->config.limits.read_stop / 2) {
    is_read_stopped_ = false;
    life_.received(progress_);
    channel_.is_tls() || has_backlog(in_) ? read_rest() : read_more();
  }
}

std::size_t Link::queued() const {
  return out_.size() - written_;
}

Task<> Link::writable() {
  auto self = shared_from_this();
  while (is_up_ && queued() > core_->config.limits.writable) {
    boost::asio::steady_timer drained(core_->context, boost::asio::steady_timer::time_point::max());
    writers_.push_back(&drained);
    struct Leave {
      Link& link;
      boost::asio::steady_timer* timer;
      ~Leave() { std::erase(link.writers_, timer); }
    } leave{*this, &drained};
    auto [ec] = co_await drained.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
    auto is_told = std::find(writers_.begin(), writers_.end(), &drained) == writers_.end();
    if (!is_told) throw boost::system::system_error(ec);
  }
  if (!is_up_) co_return Error(make_error_code(LinkError::closed), "the link with " + peer_);
  co_return Result<>();
}

void Link::check_life(Liveness::Clock::time_point now) {
  if (!is_up_) return;
  const auto& times = core_->config.times;
  if (!out_.empty() && now - progress_ >= times.silence) {
    log::warn("{}: does not read what we send", peer_);
    return close(LinkError::overloaded);
  }
  if (is_read_stopped_) return;
  switch (life_.check(now, times)) {
    case Liveness::Action::none:
      return release_memory();
    case Liveness::Action::tick:
      if (out_.empty()) {
        out_.append(4, '\0');
        progress_ = now;
        flush();
      }
      return release_memory();
    case Liveness::Action::probe: {
      // Every node answers a monitor of an unused name at once.
      if (!can(flag::dist_monitor)) return;
      auto probe = frame(Op::monitor_p, 4);
      probe.own(core_->caller).atom("muster_probe").own_ref(core_->fresh_ref());
      queue(probe);
      return;
    }
    case Liveness::Action::down:
      return close(LinkError::silent);
  }
}

void Link::release_memory() {
  shrink(in_);
  shrink(out_);
  claim();
}

void Link::fail(const Error& what) {
  if (!is_up_) return;
  if (core_->rubbish.admits(Liveness::Clock::now()))
    log::warn("{}: closed, as it sent what no node sends: {}", peer_, what.text());
  close(LinkError::protocol);
}

void Link::close(LinkError why) {
  if (!is_up_) return;
  if (why == LinkError::dropped) flush();  // the last replies, if they go without waiting
  if (!is_up_) return;
  is_up_ = false;
  channel_.close();
  core_->lost(shared_from_this(), why);
}

}  // namespace muster::dist
