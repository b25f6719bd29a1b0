#include "etf/term.h"

#include <algorithm>

namespace muster::etf {
namespace {

void append_utf8(std::string& out, std::int64_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
  } else if (c < 0x800) {
    out += static_cast<char>(0xc0 | (c >> 6));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else if (c < 0x10000) {
    out += static_cast<char>(0xe0 | (c >> 12));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  } else {
    out += static_cast<char>(0xf0 | (c >> 18));
    out += static_cast<char>(0x80 | ((c >> 12) & 0x3f));
    out += static_cast<char>(0x80 | ((c >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (c & 0x3f));
  }
}

bool same_characters(const List& list, const CharList& chars) {
  if (list.tail || list.elements.size() != chars.bytes.size()) return false;
  for (std::size_t i = 0; i < chars.bytes.size(); ++i) {
    auto* element = list.elements[i].get_if<std::int64_t>();
    if (!element || *element != static_cast<unsigned char>(chars.bytes[i])) return false;
  }
  return true;
}

}  // namespace

bool Tuple::operator==(const Tuple& other) const {
  return elements == other.elements;
}

bool List::operator==(const List& other) const {
  if (elements != other.elements || !tail != !other.tail) return false;
  return !tail || *tail == *other.tail;
}

const Term* Map::find(std::string_view atom) const {
  for (auto& [key, value] : pairs)
    if (key.is_atom(atom)) return &value;
  return nullptr;
}

bool Map::operator==(const Map& other) const {
  if (pairs.size() != other.pairs.size()) return false;
  for (auto& pair : pairs)
    if (std::find(other.pairs.begin(), other.pairs.end(), pair) == other.pairs.end()) return false;
  return true;
}

bool Term::is_atom(std::string_view name) const {
  auto* atom = get_if<Atom>();
  return atom && atom->name == name;
}

const std::vector<Term>* Term::tuple(std::size_t size) const {
  auto* tuple = get_if<Tuple>();
  return tuple && tuple->elements.size() == size ? &tuple->elements : nullptr;
}

bool Term::proper_list(std::vector<Term>& elements) const {
  if (auto* chars = get_if<CharList>()) {
    elements.clear();
    for (unsigned char c : chars->bytes) elements.emplace_back(std::int64_t{c});
    return true;
  }
  auto* list = get_if<List>();
  if (!list || list->tail) return false;
  elements = list->elements;
  return true;
}

bool Term::text(std::string& utf8) const {
  utf8.clear();
  if (auto* atom = get_if<Atom>()) return utf8 = atom->name, true;
  if (auto* binary = get_if<Binary>()) return utf8 = binary->bytes, true;
  if (auto* chars = get_if<CharList>()) {
    for (unsigned char c : chars->bytes) append_utf8(utf8, c);
    return true;
  }
  auto* list = get_if<List>();
  if (!list || list->tail) return false;
  for (auto& element : list->elements) {
    auto* c = element.get_if<std::int64_t>();
    if (!c || *c < 0 || *c > 0x10ffff || (*c >= 0xd800 && *c < 0xe000)) return false;
    append_utf8(utf8, *c);
  }
  return true;
}

bool operator==(const Term& a, const Term& b) {
  if (auto* chars = a.get_if<CharList>())
    if (auto* list = b.get_if<List>()) return same_characters(*list, *chars);
  if (auto* list = a.get_if<List>())
    if (auto* chars = b.get_if<CharList>()) return same_characters(*list, *chars);
  return a.value_ == b.value_;
}

}  // namespace muster::etf
