#pragma once

#include <string>
#include <string_view>

#include "dist/byte_reader.h"
#include "dist/control.h"
#include "etf/encode.h"
#include "etf/tags.h"

namespace muster::dist {

/// How the two ends of a link are written into terms.
struct WireNames {
  std::string_view self, peer;  ///< encoded atoms
  std::uint32_t creation = 0;   ///< ours
};

std::string inline encoded_atom(std::string_view name) {
  std::string out;
  if (name.size() < 256) {
    put8(out, etf::tag::small_atom_utf8);
    put8(out, name.size());
  } else {
    put8(out, etf::tag::atom_utf8);
    put16(out, name.size());
  }
  return out.append(name);
}

/// References that we make: three words, the first below 2^18 as old peers want it.
inline void put_own_ref(std::string& out, const WireNames& names, std::uint64_t number) {
  put8(out, etf::tag::newer_reference);
  put16(out, 3);
  out += names.self;
  put32(out, names.creation);
  put32(out, number & 0x3ffff);
  put32(out, number >> 18 & 0xffffffff);
  put32(out, number >> 50);
}
inline std::uint64_t own_ref(const PeerRef& ref) {
  return std::uint64_t{ref.words[0]} | std::uint64_t{ref.words[1]} << 18 |
         std::uint64_t{ref.words[2]} << 50;
}
inline void put_own_pid(std::string& out, const WireNames& names, LocalPid pid) {
  put8(out, etf::tag::new_pid);
  out += names.self;
  put32(out, pid.id);
  put32(out, pid.serial);
  put32(out, names.creation);
}

/// Writes one frame at the end of a queue: the control tuple, then the payload. The length is put
/// in by end().
class FrameWriter {
 public:
  FrameWriter(std::string& out, const WireNames& names, Op op, unsigned arity)
      : out_(out), names_(names), start_(out.size()) {
    out_.append(4, '\0');
    out_ += '\x70';
    put8(out_, etf::tag::version);
    put8(out_, etf::tag::small_tuple);
    put8(out_, arity);
    put8(out_, etf::tag::small_integer);
    put8(out_, static_cast<unsigned>(op));
  }
  FrameWriter& raw(std::string_view encoded) {
    out_ += encoded;
    return *this;
  }
  FrameWriter& own(LocalPid pid) {
    put_own_pid(out_, names_, pid);
    return *this;
  }
  FrameWriter& peer(const PeerPid& pid) {
    put8(out_, etf::tag::new_pid);
    out_ += names_.peer;
    put32(out_, pid.id);
    put32(out_, pid.serial);
    put32(out_, pid.creation);
    return *this;
  }
  FrameWriter& own_ref(std::uint64_t number) {
    put_own_ref(out_, names_, number);
    return *this;
  }
  FrameWriter& peer_ref(const PeerRef& ref) {
    put8(out_, etf::tag::newer_reference);
    put16(out_, ref.length);
    out_ += names_.peer;
    put32(out_, ref.creation);
    for (std::uint32_t i = 0; i < ref.length; ++i) put32(out_, ref.words[i]);
    return *this;
  }
  FrameWriter& atom(std::string_view name) {
    out_ += encoded_atom(name);
    return *this;
  }
  FrameWriter& small(unsigned number) {
    put8(out_, etf::tag::small_integer);
    put8(out_, number);
    return *this;
  }
  FrameWriter& big(std::uint64_t number) {
    put8(out_, etf::tag::small_big);
    put8(out_, 8);
    put8(out_, 0);
    for (int i = 0; i < 8; ++i) put8(out_, number >> 8 * i & 0xff);
    return *this;
  }
  FrameWriter& tuple(unsigned arity) {
    put8(out_, etf::tag::small_tuple);
    put8(out_, arity);
    return *this;
  }
  FrameWriter& nil() {
    put8(out_, etf::tag::nil);
    return *this;
  }
  FrameWriter& list(std::uint32_t length) {
    put8(out_, etf::tag::list);
    put32(out_, length);
    return *this;
  }
  FrameWriter& term(const etf::Term& term) {
    etf::encode(term, out_);
    return *this;
  }
  /// What follows is the message.
  FrameWriter& payload() {
    put8(out_, etf::tag::version);
    return *this;
  }
  /// The frame's size, its length field included.
  std::size_t end() {
    auto size = out_.size() - start_ - 4;
    for (int i = 0; i < 4; ++i) out_[start_ + i] = static_cast<char>(size >> (24 - 8 * i) & 0xff);
    return size + 4;
  }

 private:
  std::string& out_;
  const WireNames& names_;
  std::size_t start_;
};

}  // namespace muster::dist
