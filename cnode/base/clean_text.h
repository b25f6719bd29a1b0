#pragma once

#include <cstddef>
#include <string>
#include <string_view>

/// What nodes, hosts and users say, made fit to be stored, logged, sent and shown. Plain functions;
/// any thread; nothing fails, whatever the bytes.
namespace muster {

/// A character at the front of some bytes.
struct Character {
  char32_t point = 0;      ///< where it is none: the byte
  std::size_t length = 1;  ///< in bytes
  bool is_valid = false;   ///< UTF-8 in its shortest form, no surrogate
};
Character first_character(std::string_view bytes);

/// Printable ASCII, blanks included; most text is.
bool is_plain(std::string_view bytes);

/// Is this UTF-8, in its shortest form, without surrogates?
bool is_utf8(std::string_view bytes);

/// May a terminal, a log and a page show it? Not control characters (C0, DEL, C1), line and
/// paragraph separators, what turns the direction of writing or hides (bidirectional overrides and
/// isolates, zero width spaces, tags), and noncharacters. Joiners are, languages need them.
bool is_printable(char32_t point);
enum class Lines { joined, kept };

/// UTF-8 of nothing but characters that may be shown; with Lines::kept of line ends and tabs, too.
bool is_printable(std::string_view bytes, Lines lines = Lines::joined);

/// `bytes` as at most `most` bytes of printable text, cut between characters: what may not be shown
/// becomes U+FFFD. Line ends and tabs become blanks, or with Lines::kept stay (CR LF and CR are
/// line ends). Cleaning twice changes nothing.
std::string clean_text(std::string_view bytes, std::size_t most, Lines lines = Lines::joined);
inline constexpr auto any_length = static_cast<std::size_t>(-1);

/// `bytes` as one printable line from which the original can be seen, for logs and terms: what may
/// not be shown is \n, \r, \t or \x{9B}, as Erlang writes it; cut with "..." after about `most`
/// bytes.
std::string escaped_line(std::string_view bytes, std::size_t most = any_length);

/// A JSON document with \u009B in its strings for what may not be shown: the same values, on a
/// terminal too. Bytes that are no UTF-8, which no document has, become \uFFFD.
std::string escaped_json(std::string_view document);

}  // namespace muster
