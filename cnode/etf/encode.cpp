#include "etf/encode.h"

#include <ei.h>

#include <algorithm>
#include <cstring>

#include "etf/tags.h"

namespace muster::etf {
namespace {

template <std::size_t N>
void copy_node(const Atom& node, char (&field)[N]) {
  auto count = std::min(node.name.size(), N - 1);
  std::memcpy(field, node.name.data(), count);
  field[count] = '\0';
}

/// Writes with libei to `buffer`, or only measures where that is null (libei's own convention).
class Encoder {
 public:
  explicit Encoder(char* buffer) : buffer_(buffer) {}
  std::size_t size() const { return static_cast<std::size_t>(at_); }

  void operator()(const Term& term) { std::visit(*this, term.value()); }

  void operator()(std::int64_t v) { ei_encode_longlong(buffer_, &at_, v); }
  void operator()(double v) { ei_encode_double(buffer_, &at_, v); }
  void operator()(const Atom& v) {
    ei_encode_atom_len_as(buffer_, &at_, v.name.data(), static_cast<int>(v.name.size()),
                          ERLANG_UTF8, ERLANG_UTF8);
  }
  void operator()(const Binary& v) {
    ei_encode_binary(buffer_, &at_, v.bytes.data(), static_cast<long>(v.bytes.size()));
  }
  void operator()(const Bitstring& v) {
    ei_encode_bitstring(buffer_, &at_, v.bytes.data(), 0, (v.bytes.size() - 1) * 8 + v.last_bits);
  }
  void operator()(const BigInteger& v) {
    auto length = v.magnitude.size();
    if (length < 256) {
      byte(tag::small_big);
      byte(length);
    } else {
      byte(tag::large_big);
      for (int shift = 24; shift >= 0; shift -= 8) byte(length >> shift & 0xff);
    }
    byte(v.is_negative);
    raw(v.magnitude);
  }
  void operator()(const Pid& v) {
    erlang_pid pid;
    copy_node(v.node, pid.node);
    pid.num = v.id;
    pid.serial = v.serial;
    pid.creation = v.creation;
    ei_encode_pid(buffer_, &at_, &pid);
  }
  void operator()(const Port& v) {
    erlang_port port;
    copy_node(v.node, port.node);
    port.id = v.id;
    port.creation = v.creation;
    ei_encode_port(buffer_, &at_, &port);
  }
  void operator()(const Reference& v) {
    erlang_ref ref;
    copy_node(v.node, ref.node);
    ref.creation = v.creation;
    ref.len = v.length;
    for (int i = 0; i < v.length; ++i) ref.n[i] = v.words[i];
    ei_encode_ref(buffer_, &at_, &ref);
  }
  void operator()(const Tuple& v) {
    ei_encode_tuple_header(buffer_, &at_, static_cast<int>(v.elements.size()));
    for (auto& element : v.elements) (*this)(element);
  }
  void operator()(const List& v) {
    if (!v.elements.empty()) {
      ei_encode_list_header(buffer_, &at_, static_cast<int>(v.elements.size()));
      for (auto& element : v.elements) (*this)(element);
    }
    if (v.tail) return (*this)(*v.tail);
    ei_encode_empty_list(buffer_, &at_);
  }
  void operator()(const CharList& v) {
    ei_encode_string_len(buffer_, &at_, v.bytes.data(), static_cast<int>(v.bytes.size()));
  }
  void operator()(const Map& v) {
    ei_encode_map_header(buffer_, &at_, static_cast<int>(v.pairs.size()));
    for (auto& [key, value] : v.pairs) {
      (*this)(key);
      (*this)(value);
    }
  }
  void operator()(const Fun& v) { raw(v.encoded); }

 private:
  void byte(std::size_t value) {
    if (buffer_) buffer_[at_] = static_cast<char>(value);
    ++at_;
  }
  void raw(const std::string& bytes) {
    if (buffer_) std::memcpy(buffer_ + at_, bytes.data(), bytes.size());
    at_ += static_cast<int>(bytes.size());
  }

  char* buffer_;
  int at_ = 0;
};

}  // namespace

void encode(const Term& term, std::string& out) {
  Encoder measure(nullptr);
  measure(term);
  auto start = out.size();
  out.resize(start + measure.size());
  Encoder write(out.data() + start);
  write(term);
}

std::string encode_external(const Term& term) {
  std::string out(1, static_cast<char>(tag::version));
  encode(term, out);
  return out;
}

}  // namespace muster::etf
