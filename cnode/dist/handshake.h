#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret.h"
#include "dist/link_error.h"

namespace muster::dist {

/// The handshake of both roles, without I/O. Frames go in and out without their length field (two
/// bytes on TCP, four inside TLS).
/// https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html#distribution-handshake

/// A frame of the handshake is never longer: names have at most 255 bytes.
constexpr std::size_t max_handshake_frame = 1024;

/// Who we are in this handshake. `creation` is the same in every pid that we make.
struct HandshakeSelf {
  std::string name;
  std::uint32_t creation = 0;
  std::uint32_t challenge = 0;  ///< fresh from a good generator each time
};

/// Who the other side turned out to be.
struct HandshakePeer {
  std::string name;
  std::uint64_t flags = 0;
  std::uint32_t creation = 0;  ///< 0: a peer of OTP 22 or older does not say
  bool is_dynamic = false;     ///< it asked for a name
};

/// What the owner of the connection has to do now: write `frames` in this order, then act.
struct HandshakeStep {
  enum class Next {
    read,      ///< bring the next frame
    identify,  ///< server: `peer` is known; answer with decide()
    alive,     ///< client: the peer thinks we are connected; answer with alive()
    confirm,   ///< server: the peer is who it says; an older link must be gone before `frames` go
               ///< out
    done,      ///< authenticated
    retry,     ///< client: give up this connection, the peer's own is coming ("nok")
    failed,    ///< close; `error` and `reason` say why
  };
  Next next = Next::read;
  std::vector<std::string> frames;
  LinkError error = LinkError::closed;
  std::string reason;
};

/// We dialled.
class ClientHandshake {
 public:
  /// Whether this node gave that challenge itself. Then it is not answered: the peer would only
  /// pass the answer on.
  using IsOurs = std::function<bool(std::uint32_t challenge)>;

  /// `version` 5 begins with the old send_name ('n'), 6 with 'N'.
  ClientHandshake(HandshakeSelf self, std::string peer, Secret cookie, int version = 6,
                  IsOurs is_ours = nullptr);

  HandshakeStep start();
  HandshakeStep resume(std::string_view frame);
  /// The answer to Next::alive: is our old connection really gone?
  HandshakeStep alive(bool is_gone);
  /// What it means that the peer closed now.
  LinkError closed() const;
  const HandshakePeer& peer() const { return peer_; }

 private:
  enum class State { status, challenge, acknowledge, over };
  HandshakeStep fail(LinkError error, std::string reason);
  HandshakeStep status(std::string_view frame);
  HandshakeStep challenge(std::string_view frame);
  HandshakeStep acknowledge(std::string_view frame);

  HandshakeSelf self_;
  Secret cookie_;
  int version_;
  IsOurs is_ours_;
  State state_ = State::status;
  HandshakePeer peer_;
};

/// Somebody dialled us.
class ServerHandshake {
 public:
  /// The status sent to the peer. https://www.erlang.org/doc/apps/erts/erl_dist_protocol.html
  enum class Status { ok, ok_simultaneous, nok, not_allowed, alive };
  struct Decision {
    Status status = Status::ok;
    HandshakeSelf self;
    Secret cookie;
    std::string given_name;  ///< for a peer that asked for one
    std::uint32_t given_creation = 0;
  };

  HandshakeStep resume(std::string_view frame);
  /// The answer to Next::identify.
  HandshakeStep decide(Decision decision);
  const HandshakePeer& peer() const { return peer_; }

 private:
  enum class State { name, decision, alive_answer, complement, reply, over };
  HandshakeStep fail(LinkError error, std::string reason);
  HandshakeStep name(std::string_view frame);
  HandshakeStep reply(std::string_view frame);
  std::string challenge() const;

  State state_ = State::name;
  bool is_old_ = false;  ///< the peer began with 'n'
  HandshakePeer peer_;
  Decision decision_;
};

/// md5(cookie ++ decimal(challenge)), 16 bytes.
std::string handshake_digest(const Secret& cookie, std::uint32_t challenge);

/// ALIVE@HOST with printable ASCII on both sides and at most 255 bytes in all.
bool is_node_name(std::string_view name);
/// The part behind the @.
std::string_view host_of(std::string_view node);
/// The part before the @.
std::string_view alive_of(std::string_view node);

}  // namespace muster::dist
