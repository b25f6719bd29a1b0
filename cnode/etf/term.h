#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace muster::etf {

/// Erlang terms as plain values. https://www.erlang.org/doc/apps/erts/erl_ext_dist.html
/// A Term owns all of itself, copies deeply and compares by structure (1 and 1.0 differ, as with
/// =:=).
class Term;

struct Atom {
  std::string name;  ///< UTF-8, at most 255 characters
  auto operator<=>(const Atom&) const = default;
};

struct Binary {
  std::string bytes;
  bool operator==(const Binary&) const = default;
};

/// A binary whose last byte counts only in its `last_bits` (1 to 7) highest bits.
struct Bitstring {
  std::string bytes;
  std::uint8_t last_bits;
  bool operator==(const Bitstring&) const = default;
};

/// An integer outside int64: sign and magnitude, least significant byte first.
struct BigInteger {
  bool is_negative;
  std::string magnitude;
  bool operator==(const BigInteger&) const = default;
};

struct Pid {
  Atom node;
  std::uint32_t id = 0, serial = 0, creation = 0;
  auto operator<=>(const Pid&) const = default;
};

struct Port {
  Atom node;
  std::uint64_t id = 0;
  std::uint32_t creation = 0;
  auto operator<=>(const Port&) const = default;
};

struct Reference {
  Atom node;
  std::uint32_t creation = 0;
  std::uint8_t length = 0;  ///< how many of `words` count: 1 to 5
  std::array<std::uint32_t, 5> words{};
  auto operator<=>(const Reference&) const = default;
};

struct Tuple {
  std::vector<Term> elements;
  bool operator==(const Tuple&) const;
};

/// [a, b | tail]; `tail` is null for a proper list. The empty list is an empty List.
struct List {
  std::vector<Term> elements;
  std::shared_ptr<const Term> tail;
  bool operator==(const List&) const;
};

/// A proper list of integers 0..255, as the external format writes it compactly (STRING_EXT):
/// "text" in a shell. Never empty. It equals a List of the same integers.
struct CharList {
  std::string bytes;
  bool operator==(const CharList&) const = default;
};

struct Map {
  std::vector<std::pair<Term, Term>> pairs;
  /// The value under an atom key, or null.
  const Term* find(std::string_view atom) const;
  /// Equal whatever the order of the pairs.
  bool operator==(const Map&) const;
};

/// A fun: kept as its encoded bytes (without the version byte) and given back unchanged.
struct Fun {
  std::string encoded;
  bool operator==(const Fun&) const = default;
};

class Term {
 public:
  using Value = std::variant<std::int64_t, double, Atom, Binary, Bitstring, BigInteger, Pid, Port,
                             Reference, Tuple, List, CharList, Map, Fun>;

  Term() : value_(List{}) {}  ///< []
  Term(std::int64_t integer) : value_(integer) {}
  Term(int integer) : value_(std::int64_t{integer}) {}
  Term(double real) : value_(real) {}
  Term(bool truth) : value_(Atom{truth ? "true" : "false"}) {}
  Term(Atom v) : value_(std::move(v)) {}
  Term(Binary v) : value_(std::move(v)) {}
  Term(Bitstring v) : value_(std::move(v)) {}
  Term(BigInteger v) : value_(std::move(v)) {}
  Term(Pid v) : value_(std::move(v)) {}
  Term(Port v) : value_(std::move(v)) {}
  Term(Reference v) : value_(std::move(v)) {}
  Term(Tuple v) : value_(std::move(v)) {}
  Term(List v) : value_(std::move(v)) {}
  Term(CharList v) : value_(std::move(v)) {}
  Term(Map v) : value_(std::move(v)) {}
  Term(Fun v) : value_(std::move(v)) {}
  Term(const void*) = delete;

  template <class T>
  const T* get_if() const {
    return std::get_if<T>(&value_);
  }
  template <class T>
  T* get_if() {
    return std::get_if<T>(&value_);
  }
  template <class T>
  bool is() const {
    return std::holds_alternative<T>(value_);
  }
  const Value& value() const { return value_; }
  Value& value() { return value_; }

  bool is_atom(std::string_view name) const;
  /// The tuple's elements if this is a tuple of that size, else null.
  const std::vector<Term>* tuple(std::size_t size) const;
  /// The elements of a proper list, with a CharList spelled out; nothing for anything else.
  bool proper_list(std::vector<Term>& elements) const;
  /// Text given as atom, binary, or list of characters; false for anything else.
  bool text(std::string& utf8) const;

  friend bool operator==(const Term& a, const Term& b);

 private:
  Value value_;
};

/// tuple(1, atom("x"), …), list(…), atom("x"), binary("bytes"): building terms by hand.
inline Term atom(std::string_view name) {
  return Atom{std::string(name)};
}
inline Term binary(std::string_view bytes) {
  return Binary{std::string(bytes)};
}
template <class... T>
Term tuple(T&&... elements) {
  Tuple t;
  t.elements.reserve(sizeof...(T));
  (t.elements.emplace_back(std::forward<T>(elements)), ...);
  return t;
}
template <class... T>
Term list(T&&... elements) {
  List l;
  l.elements.reserve(sizeof...(T));
  (l.elements.emplace_back(std::forward<T>(elements)), ...);
  return l;
}

}  // namespace muster::etf
