#include "dist/handshake.h"

#include <openssl/evp.h>

#include <algorithm>

#include "dist/byte_reader.h"
#include "dist/flags.h"

namespace muster::dist {
namespace {

/// Flags as we use them: the digest of OTP 25 spelled out.
std::uint64_t spelled_out(std::uint64_t flags) {
  return flags & flag::mandatory_25_digest ? flags | flag::mandatory_25 : flags;
}

std::string send_name(const HandshakeSelf& self, int version) {
  std::string out;
  if (version == 5) {
    put8(out, 'n');
    put16(out, 5);
    put32(out, flag::ours & 0xffffffff);
    return out + self.name;
  }
  put8(out, 'N');
  put64(out, flag::ours);
  put32(out, self.creation);
  put16(out, self.name.size());
  return out + self.name;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

HandshakeStep next(HandshakeStep::Next what, std::string frame) {
  HandshakeStep step;
  step.next = what;
  step.frames.push_back(std::move(frame));
  return step;
}

}  // namespace

std::string handshake_digest(const Secret& cookie, std::uint32_t challenge) {
  auto text = cookie.reveal() + std::to_string(challenge);
  std::string digest(16, '\0');
  unsigned length = 0;
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(digest.data()), &length,
             EVP_md5(), nullptr);
  std::fill(text.begin(), text.end(), '\0');
  return digest;
}

bool is_node_name(std::string_view name) {
  auto at = name.find('@');
  return at != 0 && at != std::string_view::npos && at + 1 < name.size() && name.size() <= 255 &&
         name.find('@', at + 1) == std::string_view::npos && is_printable(name);
}

std::string_view host_of(std::string_view node) {
  auto at = node.find('@');
  return at == std::string_view::npos ? std::string_view{} : node.substr(at + 1);
}

std::string_view alive_of(std::string_view node) {
  return node.substr(0, node.find('@'));
}

// --- client ---

ClientHandshake::ClientHandshake(HandshakeSelf self, std::string peer, Secret cookie, int version,
                                 IsOurs is_ours)
    : self_(std::move(self)),
      cookie_(std::move(cookie)),
      version_(version),
      is_ours_(std::move(is_ours)) {
  peer_.name = std::move(peer);
}

HandshakeStep ClientHandshake::fail(LinkError error, std::string reason) {
  state_ = State::over;
  HandshakeStep step;
  step.next = HandshakeStep::Next::failed;
  step.error = error;
  step.reason = std::move(reason);
  return step;
}

HandshakeStep ClientHandshake::start() {
  return next(HandshakeStep::Next::read, send_name(self_, version_));
}

HandshakeStep ClientHandshake::resume(std::string_view frame) {
  switch (state_) {
    case State::status:
      return status(frame);
    case State::challenge:
      return challenge(frame);
    case State::acknowledge:
      return acknowledge(frame);
    case State::over:
      break;
  }
  return fail(LinkError::protocol, "a frame after the end of the handshake");
}

HandshakeStep ClientHandshake::status(std::string_view frame) {
  if (frame.empty() || frame.front() != 's')
    return fail(LinkError::protocol, "a status was due in the handshake");
  auto text = frame.substr(1);
  HandshakeStep step;
  if (text == "ok" || text == "ok_simultaneous") {
    state_ = State::challenge;
    return step;
  }
  if (text == "alive") {
    step.next = HandshakeStep::Next::alive;
    return step;
  }
  if (text == "nok") {
    state_ = State::over;
    step.next = HandshakeStep::Next::retry;
    return step;
  }
  if (text == "not_allowed") return fail(LinkError::not_allowed, "the peer does not allow us");
  return fail(LinkError::protocol, "an unknown status in the handshake");
}

HandshakeStep ClientHandshake::alive(bool is_gone) {
  state_ = is_gone ? State::challenge : State::over;
  return next(is_gone ? HandshakeStep::Next::read : HandshakeStep::Next::retry,
              is_gone ? "strue" : "sfalse");
}

HandshakeStep ClientHandshake::challenge(std::string_view frame) {
  ByteReader in(frame);
  auto kind = in.u8();
  std::uint32_t challenge = 0;
  std::string_view name;
  HandshakeStep step;
  if (kind == 'N') {
    peer_.flags = spelled_out(in.u64());
    challenge = in.u32();
    peer_.creation = in.u32();
    name = in.take(in.u16());
    if (version_ == 5) {  // our 'n' could not say these
      std::string complement;
      put8(complement, 'c');
      put32(complement, flag::ours >> 32);
      put32(complement, self_.creation);
      step.frames.push_back(std::move(complement));
    }
  } else if (kind == 'n' && version_ == 5) {
    in.u16();
    peer_.flags = spelled_out(in.u32());
    challenge = in.u32();
    name = in.rest();
  } else {
    return fail(LinkError::protocol, "a challenge was due in the handshake");
  }
  if (!in.ok()) return fail(LinkError::protocol, "a truncated challenge");
  if (name != peer_.name) {
    auto who = is_node_name(name) ? std::string(name) : std::string("something else");
    return fail(LinkError::wrong_name, who + " answers there");
  }
  if ((peer_.flags & flag::required) != flag::required)
    return fail(LinkError::not_allowed, "the peer lacks mandatory abilities");
  if (is_ours_ && is_ours_(challenge))
    return fail(LinkError::cookie,
                "the peer shows us a challenge of our own: it does not know the cookie");
  std::string reply;
  put8(reply, 'r');
  put32(reply, self_.challenge);
  reply += handshake_digest(cookie_, challenge);
  step.frames.push_back(std::move(reply));
  state_ = State::acknowledge;
  return step;
}

HandshakeStep ClientHandshake::acknowledge(std::string_view frame) {
  if (frame.size() < 17 || frame.front() != 'a')
    return fail(LinkError::protocol, "an acknowledgement was due in the handshake");
  if (!equal_constant_time(frame.substr(1, 16), handshake_digest(cookie_, self_.challenge)))
    return fail(LinkError::cookie, "the peer does not know the cookie");
  state_ = State::over;
  HandshakeStep step;
  step.next = HandshakeStep::Next::done;
  return step;
}

LinkError ClientHandshake::closed() const {
  return state_ == State::acknowledge ? LinkError::cookie : LinkError::closed;
}

// --- server ---

HandshakeStep ServerHandshake::fail(LinkError error, std::string reason) {
  state_ = State::over;
  HandshakeStep step;
  step.next = HandshakeStep::Next::failed;
  step.error = error;
  step.reason = std::move(reason);
  return step;
}

HandshakeStep ServerHandshake::resume(std::string_view frame) {
  switch (state_) {
    case State::name:
      return name(frame);
    case State::alive_answer: {
      if (frame != "strue") return fail(LinkError::dropped, "the peer keeps its old connection");
      state_ = is_old_ && (peer_.flags & flag::handshake_23) ? State::complement : State::reply;
      return next(HandshakeStep::Next::read, challenge());
    }
    case State::complement: {
      ByteReader in(frame);
      if (in.u8() != 'c') return fail(LinkError::protocol, "a complement was due");
      peer_.flags = spelled_out(peer_.flags | std::uint64_t{in.u32()} << 32);
      peer_.creation = in.u32();
      if (!in.ok()) return fail(LinkError::protocol, "a truncated complement");
      state_ = State::reply;
      return {};
    }
    case State::reply:
      return reply(frame);
    case State::decision:
    case State::over:
      break;
  }
  return fail(LinkError::protocol, "a frame out of turn in the handshake");
}

HandshakeStep ServerHandshake::name(std::string_view frame) {
  ByteReader in(frame);
  auto kind = in.u8();
  std::string_view name;
  if (kind == 'N') {
    peer_.flags = spelled_out(in.u64());
    peer_.creation = in.u32();
    name = in.take(in.u16());
  } else if (kind == 'n') {
    is_old_ = true;
    if (in.u16() != 5) return fail(LinkError::protocol, "an unknown version of the handshake");
    peer_.flags = spelled_out(in.u32());
    name = in.rest();
  } else {
    return fail(LinkError::protocol, "a name was due in the handshake");
  }
  peer_.is_dynamic = (peer_.flags & flag::name_me) != 0;
  bool is_good = peer_.is_dynamic
                     ? !name.empty() && is_node_name("x@" + std::string(name)) && name.size() < 200
                     : is_node_name(name);
  if (!in.ok() || !is_good) return fail(LinkError::protocol, "no node name in the handshake");
  peer_.name = name;
  if ((peer_.flags & flag::required) != flag::required)
    return fail(LinkError::not_allowed, peer_.name + " lacks mandatory abilities");
  state_ = State::decision;
  HandshakeStep step;
  step.next = HandshakeStep::Next::identify;
  return step;
}

std::string ServerHandshake::challenge() const {
  std::string out;
  if (is_old_ && !(peer_.flags & flag::handshake_23)) {
    put8(out, 'n');
    put16(out, 5);
    put32(out, flag::ours & 0xffffffff);
    put32(out, decision_.self.challenge);
    return out + decision_.self.name;
  }
  put8(out, 'N');
  put64(out, flag::ours | (peer_.is_dynamic ? flag::name_me : 0));
  put32(out, decision_.self.challenge);
  put32(out, decision_.self.creation);
  put16(out, decision_.self.name.size());
  return out + decision_.self.name;
}

HandshakeStep ServerHandshake::decide(Decision decision) {
  decision_ = std::move(decision);
  if (state_ != State::decision) return fail(LinkError::protocol, "a decision out of turn");
  switch (decision_.status) {
    case Status::not_allowed: {
      auto step = fail(LinkError::not_allowed, peer_.name + " is not allowed to connect");
      step.frames.push_back("snot_allowed");
      return step;
    }
    case Status::nok: {
      auto step = fail(LinkError::dropped, "our own connection to " + peer_.name + " goes on");
      step.frames.push_back("snok");
      return step;
    }
    case Status::alive:
      state_ = State::alive_answer;
      return next(HandshakeStep::Next::read, "salive");
    case Status::ok:
    case Status::ok_simultaneous:
      break;
  }
  std::string status = decision_.status == Status::ok ? "sok" : "sok_simultaneous";
  if (peer_.is_dynamic) {
    peer_.name = decision_.given_name;
    peer_.creation = decision_.given_creation;
    status = "snamed:";
    put16(status, peer_.name.size());
    status += peer_.name;
    put32(status, peer_.creation);
  }
  state_ = is_old_ && (peer_.flags & flag::handshake_23) ? State::complement : State::reply;
  auto step = next(HandshakeStep::Next::read, std::move(status));
  step.frames.push_back(challenge());
  return step;
}

HandshakeStep ServerHandshake::reply(std::string_view frame) {
  ByteReader in(frame);
  auto kind = in.u8();
  auto challenge = in.u32();
  auto digest = in.take(16);
  if (kind != 'r' || !in.ok()) return fail(LinkError::protocol, "a challenge reply was due");
  if (!equal_constant_time(digest, handshake_digest(decision_.cookie, decision_.self.challenge)))
    return fail(LinkError::cookie, peer_.name + " does not know the cookie");
  state_ = State::over;
  return next(HandshakeStep::Next::confirm, "a" + handshake_digest(decision_.cookie, challenge));
}

}  // namespace muster::dist
