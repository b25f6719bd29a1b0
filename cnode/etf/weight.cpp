#include "etf/weight.h"

namespace muster::etf {
namespace {

/// What a text has beside itself.
std::size_t heap(const std::string& text) {
  constexpr std::size_t inside = 15;
  return text.capacity() > inside ? text.capacity() + 1 : 0;
}

/// What a value has beside the Term that it is in.
struct Heap {
  std::size_t operator()(std::int64_t) const { return 0; }
  std::size_t operator()(double) const { return 0; }
  std::size_t operator()(const Atom& v) const { return heap(v.name); }
  std::size_t operator()(const Binary& v) const { return heap(v.bytes); }
  std::size_t operator()(const Bitstring& v) const { return heap(v.bytes); }
  std::size_t operator()(const BigInteger& v) const { return heap(v.magnitude); }
  std::size_t operator()(const Pid& v) const { return heap(v.node.name); }
  std::size_t operator()(const Port& v) const { return heap(v.node.name); }
  std::size_t operator()(const Reference& v) const { return heap(v.node.name); }
  std::size_t operator()(const CharList& v) const { return heap(v.bytes); }
  std::size_t operator()(const Fun& v) const { return heap(v.encoded); }
  std::size_t operator()(const Tuple& v) const { return (*this)(v.elements); }
  std::size_t operator()(const List& v) const {
    return (*this)(v.elements) + (v.tail ? weight(*v.tail) : 0);
  }
  std::size_t operator()(const Map& v) const {
    auto sum = v.pairs.capacity() * 2 * sizeof(Term);
    for (auto& [key, value] : v.pairs)
      sum += std::visit(*this, key.value()) + std::visit(*this, value.value());
    return sum;
  }
  std::size_t operator()(const std::vector<Term>& elements) const {
    auto sum = elements.capacity() * sizeof(Term);
    for (auto& element : elements) sum += std::visit(*this, element.value());
    return sum;
  }
};

}  // namespace

std::size_t weight(const Term& term) {
  return sizeof(Term) + std::visit(Heap{}, term.value());
}

}  // namespace muster::etf
