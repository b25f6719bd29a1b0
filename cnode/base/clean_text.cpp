#include "base/clean_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

namespace muster {
namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd";

/// First and last of each range beyond ASCII that may not be shown. Sorted.
constexpr std::array<std::pair<char32_t, char32_t>, 12> hidden = {{
    {0x80, 0x9f},        // C1 controls: U+009B is ESC [ in some terminals
    {0xad, 0xad},        // soft hyphen
    {0x61c, 0x61c},      // Arabic letter mark
    {0x180e, 0x180e},    // Mongolian vowel separator
    {0x200b, 0x200b},    // zero width space
    {0x200e, 0x200f},    // marks of direction
    {0x2028, 0x202e},    // separators of lines, embeddings and overrides
    {0x2060, 0x206f},    // word joiner, invisible operators, isolates
    {0xfdd0, 0xfdef},    // noncharacters
    {0xfeff, 0xfeff},    // byte order mark
    {0xfff0, 0xfffb},    // annotations
    {0xe0000, 0xe0fff},  // tags
}};

bool is_line_end_or_tab(char32_t point) {
  return point == '\n' || point == '\t' || point == '\r';
}

bool is_plain(char c) {
  return c >= 0x20 && c < 0x7f;
}

constexpr std::uint64_t each = 0x0101'0101'0101'0101;

/// How many of the first bytes are of whole words of eight for which `holds`.
template <class Holds>
std::size_t words_at_front(std::string_view bytes, Holds holds) {
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof(word) <= bytes.size(); at += sizeof(word)) {
    std::memcpy(&word, bytes.data() + at, sizeof(word));
    if (!holds(word)) break;
  }
  return at;
}

bool is_ascii_word(std::uint64_t word) {
  return (word & each * 0x80) == 0;
}

/// No byte is below 0x20, 0x7f or beyond.
bool is_plain_word(std::uint64_t word) {
  return ((word | (word - each * 0x20) | (word + each)) & each * 0x80) == 0;
}

}  // namespace

bool is_plain(std::string_view bytes) {
  auto rest = bytes.substr(words_at_front(bytes, is_plain_word));
  return std::all_of(rest.begin(), rest.end(), [](char c) { return is_plain(c); });
}

Character first_character(std::string_view bytes) {
  auto first = static_cast<unsigned char>(bytes.front());
  if (first < 0x80) return {first, 1, true};
  const Character none{first, 1, false};
  std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || length > bytes.size()) return none;
  char32_t point = first & (0x7fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    auto next = static_cast<unsigned char>(bytes[i]);
    if ((next & 0xc0) != 0x80) return none;
    point = point << 6 | (next & 0x3f);
  }
  bool is_overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  bool is_surrogate = point >= 0xd800 && point < 0xe000;
  if (is_overlong || is_surrogate || point > 0x10ffff) return none;
  return {point, length, true};
}

bool is_utf8(std::string_view bytes) {
  for (auto at = words_at_front(bytes, is_ascii_word); at < bytes.size();) {
    if (static_cast<unsigned char>(bytes[at]) < 0x80) {
      ++at;
      continue;
    }
    auto character = first_character(bytes.substr(at));
    if (!character.is_valid) return false;
    at += character.length;
  }
  return true;
}

bool is_printable(char32_t point) {
  if (point < 0x80) return point >= 0x20 && point != 0x7f;
  if ((point & 0xfffe) == 0xfffe) return false;
  auto range = std::lower_bound(hidden.begin(), hidden.end(), point,
                                [](const auto& one, char32_t p) { return one.second < p; });
  return range == hidden.end() || point < range->first;
}

bool is_printable(std::string_view bytes, Lines lines) {
  for (std::size_t at = 0; at < bytes.size();) {
    auto character = first_character(bytes.substr(at));
    at += character.length;
    if (lines == Lines::kept && is_line_end_or_tab(character.point)) continue;
    if (!character.is_valid || !is_printable(character.point)) return false;
  }
  return true;
}

std::string clean_text(std::string_view bytes, std::size_t most, Lines lines) {
  if (is_plain(bytes.substr(0, most))) return std::string(bytes.substr(0, most));
  std::string text;
  text.reserve(std::min(bytes.size(), most));
  for (std::size_t at = 0; at < bytes.size();) {
    auto character = first_character(bytes.substr(at));
    auto piece = bytes.substr(at, character.length);
    at += character.length;
    if (is_line_end_or_tab(character.point)) {
      if (piece == "\r" && bytes.substr(at).starts_with('\n')) continue;
      if (lines == Lines::joined) {
        piece = " ";
      } else if (piece == "\r") {
        piece = "\n";
      }
    } else if (!character.is_valid || !is_printable(character.point)) {
      piece = replacement;
    }
    if (piece.size() > most - text.size()) break;
    text += piece;
  }
  return text;
}

std::string escaped_line(std::string_view bytes, std::size_t most) {
  if (bytes.size() <= most && is_plain(bytes)) return std::string(bytes);
  std::string text;
  for (std::size_t at = 0; at < bytes.size();) {
    if (text.size() >= most) return text += "...";
    auto character = first_character(bytes.substr(at));
    if (character.is_valid && is_printable(character.point)) {
      text += bytes.substr(at, character.length);
    } else if (character.point == '\n') {
      text += "\\n";
    } else if (character.point == '\r') {
      text += "\\r";
    } else if (character.point == '\t') {
      text += "\\t";
    } else {
      text += fmt::format("\\x{{{:X}}}", static_cast<std::uint32_t>(character.point));
    }
    at += character.length;
  }
  return text;
}

std::string escaped_json(std::string_view document) {
  if (is_printable(document, Lines::kept)) return std::string(document);
  std::string text;
  for (std::size_t at = 0; at < document.size();) {
    auto [point, length, is_valid] = first_character(document.substr(at));
    if (!is_valid) point = 0xfffd;
    if (is_valid && (is_printable(point) || is_line_end_or_tab(point))) {
      text += document.substr(at, length);
    } else if (point < 0x10000) {
      text += fmt::format("\\u{:04X}", static_cast<std::uint32_t>(point));
    } else {
      auto pair = static_cast<std::uint32_t>(point - 0x10000);
      text += fmt::format("\\u{:04X}\\u{:04X}", 0xd800 + (pair >> 10), 0xdc00 + (pair & 0x3ff));
    }
    at += length;
  }
  return text;
}

}  // namespace muster
