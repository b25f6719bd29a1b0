// The handshake in both roles. Input: a byte that chooses the role and the answers, then frames,
// each a length byte and its bytes. Nobody gets through who does not know the cookie.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "dist/handshake.h"

namespace {

using namespace muster;
using dist::HandshakeStep;

struct Frames {
  std::string_view rest;
  bool next(std::string_view& frame) {
    if (rest.empty()) return false;
    const auto length = static_cast<unsigned char>(rest[0]);
    frame = rest.substr(1, length);
    rest.remove_prefix(1 + frame.size());
    return true;
  }
};

const dist::HandshakeSelf self{"muster@127.0.0.1", 77, 0x12345678};

void serve(Frames frames, unsigned choice) {
  dist::ServerHandshake handshake;
  std::string_view frame;
  while (frames.next(frame)) {
    auto step = handshake.resume(frame);
    if (step.next == HandshakeStep::Next::identify) {
      dist::ServerHandshake::Decision decision;
      decision.status = static_cast<dist::ServerHandshake::Status>(choice % 5);
      decision.self = self;
      decision.cookie = Secret("a cookie nobody guesses");
      decision.given_name = "given@127.0.0.1";
      decision.given_creation = 9;
      step = handshake.decide(std::move(decision));
    }
    if (step.next == HandshakeStep::Next::confirm || step.next == HandshakeStep::Next::done)
      std::abort();
    if (step.next == HandshakeStep::Next::failed) return;
  }
}

void dial(Frames frames, unsigned choice) {
  dist::ClientHandshake handshake(self, "a@127.0.0.1", Secret("a cookie nobody guesses"),
                                  choice % 2 ? 5 : 6);
  handshake.start();
  std::string_view frame;
  while (frames.next(frame)) {
    auto step = handshake.resume(frame);
    if (step.next == HandshakeStep::Next::alive) step = handshake.alive(choice % 3 == 0);
    if (step.next == HandshakeStep::Next::done) std::abort();
    if (step.next == HandshakeStep::Next::failed || step.next == HandshakeStep::Next::retry) return;
  }
  handshake.closed();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Frames frames{{reinterpret_cast<const char*>(data) + 1, size - 1}};
  if (data[0] < 128) {
    serve(frames, data[0]);
  } else {
    dial(frames, data[0]);
  }
  return 0;
}
