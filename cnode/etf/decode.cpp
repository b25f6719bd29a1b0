#include "etf/decode.h"

#include <ei.h>
#include <fmt/format.h>

#include <boost/endian/conversion.hpp>
#include <cmath>
#include <cstdint>

#include "etf/tags.h"
#include "etf/utf8.h"

namespace muster::etf {
namespace {

/// Reads a checked term with libei. Every member returns false where libei refuses (a broken
/// integer, say).
class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : bytes_(bytes) {}

  bool term(Term& out) {
    switch (static_cast<unsigned char>(data_[at_])) {
      case tag::small_integer:
      case tag::integer:
      case tag::small_big:
      case tag::large_big:
        return integer(out);
      case tag::new_float:
      case tag::float_text:
        return real(out);
      case tag::small_atom_utf8:
      case tag::small_atom_latin1:
      case tag::atom_utf8:
      case tag::atom_latin1:
        return atom(out.value().emplace<Atom>());
      case tag::binary:
      case tag::bit_binary:
        return bits(out);
      case tag::pid:
      case tag::new_pid:
        return pid(out.value().emplace<Pid>());
      case tag::port:
      case tag::new_port:
      case tag::v4_port:
        return port(out.value().emplace<Port>());
      case tag::new_reference:
      case tag::newer_reference:
        return reference(out.value().emplace<Reference>());
      case tag::small_tuple:
      case tag::large_tuple:
        return tuple(out.value().emplace<Tuple>());
      case tag::nil:
      case tag::list:
        return list(out.value().emplace<List>(), out);
      case tag::string:
        return characters(out.value().emplace<CharList>(), out);
      case tag::map:
        return map(out.value().emplace<Map>());
      case tag::new_fun:
      case tag::export_fun:
        return fun(out.value().emplace<Fun>());
    }
    return false;
  }

 private:
  bool integer(Term& out) {
    long long small;
    int start = at_;
    if (ei_decode_longlong(data_, &at_, &small) == 0) {
      out = Term(static_cast<std::int64_t>(small));
      return true;
    }
    at_ = start;
    bool large = static_cast<unsigned char>(data_[at_]) == tag::large_big;
    int length = 0, type = 0;
    if (ei_get_type(data_, &at_, &type, &length) < 0) return false;
    const char* sign = data_ + at_ + (large ? 5 : 2);
    out.value() = BigInteger{*sign != 0, std::string(sign + 1, static_cast<std::size_t>(length))};
    at_ = static_cast<int>(sign + 1 + length - data_);
    return true;
  }
  bool real(Term& out) {
    double value;
    // No Erlang float is infinite or not a number: a node that got one back would drop the link.
    if (ei_decode_double(data_, &at_, &value) < 0 || !std::isfinite(value)) return false;
    out = Term(value);
    return true;
  }
  /// Not by libei: it gives a C string, and an atom may hold zero bytes.
  bool atom(Atom& out) {
    auto which = static_cast<unsigned char>(data_[at_]);
    bool is_short = which == tag::small_atom_utf8 || which == tag::small_atom_latin1;
    bool is_latin1 = which == tag::small_atom_latin1 || which == tag::atom_latin1;
    auto* length = reinterpret_cast<const unsigned char*>(data_ + at_ + 1);
    auto name = is_short ? bytes_.substr(static_cast<std::size_t>(at_) + 2, *length)
                         : bytes_.substr(static_cast<std::size_t>(at_) + 3,
                                         boost::endian::load_big_u16(length));
    at_ += static_cast<int>(name.size()) + (is_short ? 2 : 3);
    out.name = is_latin1 ? from_latin1(name) : std::string(name);
    return true;
  }
  bool bits(Term& out) {
    const char* bytes;
    unsigned offset;
    std::size_t count;
    if (ei_decode_bitstring(data_, &at_, &bytes, &offset, &count) < 0) return false;
    std::string copy(bytes, (count + 7) / 8);
    if (count % 8 == 0) {
      out.value().emplace<Binary>().bytes = std::move(copy);
    } else {
      copy.back() = static_cast<char>(copy.back() & 0xff << (8 - count % 8));  // what counts of it
      out.value() = Bitstring{std::move(copy), static_cast<std::uint8_t>(count % 8)};
    }
    return true;
  }
  bool pid(Pid& out) {
    erlang_pid pid;
    if (ei_decode_pid(data_, &at_, &pid) < 0) return false;
    out = {Atom{pid.node}, pid.num, pid.serial, pid.creation};
    return true;
  }
  bool port(Port& out) {
    erlang_port port;
    if (ei_decode_port(data_, &at_, &port) < 0) return false;
    out = {Atom{port.node}, port.id, port.creation};
    return true;
  }
  bool reference(Reference& out) {
    erlang_ref ref;
    if (ei_decode_ref(data_, &at_, &ref) < 0) return false;
    out.node.name = ref.node;
    out.creation = ref.creation;
    out.length = static_cast<std::uint8_t>(ref.len);
    for (int i = 0; i < ref.len; ++i) out.words[i] = ref.n[i];
    return true;
  }
  bool elements(std::vector<Term>& out, int count) {
    out.resize(static_cast<std::size_t>(count));
    for (auto& element : out)
      if (!term(element)) return false;
    return true;
  }
  bool tuple(Tuple& out) {
    int arity;
    return ei_decode_tuple_header(data_, &at_, &arity) == 0 && elements(out.elements, arity);
  }
  bool list(List& out, Term& whole) {
    bool is_nil = static_cast<unsigned char>(data_[at_]) == tag::nil;
    int arity;
    if (ei_decode_list_header(data_, &at_, &arity) < 0) return false;
    if (is_nil) return true;
    if (arity == 0) return term(whole);  // no elements: its tail is all there is
    if (!elements(out.elements, arity)) return false;
    if (static_cast<unsigned char>(data_[at_]) == tag::nil) return ++at_, true;
    Term tail;
    if (!term(tail)) return false;
    if (tail == Term()) return true;
    out.tail = std::make_shared<const Term>(std::move(tail));
    return true;
  }
  bool characters(CharList& out, Term& whole) {
    int type, length;
    if (ei_get_type(data_, &at_, &type, &length) < 0) return false;
    out.bytes.assign(data_ + at_ + 3, static_cast<std::size_t>(length));
    at_ += 3 + length;
    if (length == 0) whole = Term();
    return true;
  }
  bool map(Map& out) {
    int arity;
    if (ei_decode_map_header(data_, &at_, &arity) < 0) return false;
    out.pairs.resize(static_cast<std::size_t>(arity));
    for (auto& [key, value] : out.pairs)
      if (!term(key) || !term(value)) return false;
    return true;
  }
  bool fun(Fun& out) {
    // Not by libei: it believes the size that is written in the fun.
    auto start = static_cast<std::size_t>(at_);
    auto length = check(bytes_.substr(start), Limits{SIZE_MAX, SIZE_MAX});
    if (!length) return false;
    out.encoded = bytes_.substr(start, *length);
    at_ += static_cast<int>(*length);
    return static_cast<unsigned char>(out.encoded[0]) != tag::new_fun ||
           size_of(out) == *length - 1;
  }

  static std::uint32_t size_of(const Fun& new_fun) {
    return boost::endian::load_big_u32(
        reinterpret_cast<const unsigned char*>(new_fun.encoded.data() + 1));
  }

  std::string_view bytes_;
  const char* data_ = bytes_.data();
  int at_ = 0;
};

}  // namespace

Result<Term> decode_front(std::string_view& bytes, const Limits& limits) {
  TRY(auto length, check(bytes, limits));
  Term term;
  if (!Decoder(bytes).term(term))
    return Error(Errc::bad_request, "external term format: a value no Erlang node could have made");
  bytes.remove_prefix(length);
  return term;
}

Result<Term> decode(std::string_view bytes, const Limits& limits) {
  TRY(Term term, decode_front(bytes, limits));
  if (!bytes.empty())
    return Error(Errc::bad_request,
                 fmt::format("external term format: {} bytes too many", bytes.size()));
  return term;
}

Result<Term> decode_external(std::string_view bytes, const Limits& limits) {
  if (bytes.empty() || static_cast<unsigned char>(bytes.front()) != tag::version)
    return Error(Errc::bad_request, "external term format: the version byte 131 is missing");
  return decode(bytes.substr(1), limits);
}

}  // namespace muster::etf
