#include "etf/print.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>

#include "base/clean_text.h"
#include "etf/utf8.h"

namespace muster::etf {
namespace {

/// Bytes of an integer that is printed in decimal; that takes time with their square.
constexpr std::size_t longest_decimal = 64;

constexpr std::array<std::string_view, 28> reserved_words = {
    "after", "and",   "andalso", "band",    "begin", "bnot", "bor",  "bsl", "bsr",   "bxor",
    "case",  "catch", "cond",    "div",     "end",   "fun",  "if",   "let", "maybe", "not",
    "of",    "or",    "orelse",  "receive", "rem",   "try",  "when", "xor"};

bool is_plain(std::string_view name) {
  if (name.empty() || name[0] < 'a' || name[0] > 'z') return false;
  if (std::find(reserved_words.begin(), reserved_words.end(), name) != reserved_words.end())
    return false;
  return std::all_of(name.begin(), name.end(),
                     [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '@'; });
}

/// Of UTF-8, without half a character at the end.
std::string_view front(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

std::string in_quotes(std::string_view text, char quote) {
  std::string out(1, quote);
  for (std::size_t at = 0; at < text.size();) {
    auto end = std::min(text.find_first_of(std::string{quote, '\\'}, at), text.size());
    out += escaped_line(text.substr(at, end - at));
    if (end < text.size()) (out += '\\') += text[end];
    at = end + 1;
  }
  return out += quote;
}

class Printer {
 public:
  explicit Printer(std::size_t limit) : limit_(limit) {}

  void operator()(const Term& term) {
    if (out.size() < limit_) return std::visit(*this, term.value());
    if (!cut_) out += "...";
    cut_ = true;
  }
  void operator()(std::int64_t v) { out += std::to_string(v); }
  void operator()(double v) {
    auto text = fmt::format("{}", v);
    out += text.find_first_of(".e") == std::string::npos ? text + ".0" : text;
  }
  void operator()(const Atom& v) { out += quoted(v); }
  void operator()(const Binary& v) {
    auto shown = front(v.bytes, limit_);
    if (is_printable(shown, Lines::kept)) {
      out += "<<" + in_quotes(shown, '"');
      if (v.bytes.size() > limit_) out += "...";
      out += ">>";
    } else {
      bytes(v.bytes, 8);
    }
  }
  void operator()(const Bitstring& v) { bytes(v.bytes, v.last_bits); }
  void operator()(const BigInteger& v) {
    if (v.is_negative) out += '-';
    if (v.magnitude.size() <= longest_decimal) {
      boost::multiprecision::cpp_int value;
      auto* bytes = reinterpret_cast<const unsigned char*>(v.magnitude.data());
      import_bits(value, bytes, bytes + v.magnitude.size(), 8, false);
      out += value.str();
      return;
    }
    constexpr std::string_view digits = "0123456789ABCDEF";
    out += "16#";
    auto hex = v.magnitude.rbegin();
    for (; hex != v.magnitude.rend() && out.size() < limit_; ++hex)
      (out += digits[static_cast<unsigned char>(*hex) >> 4]) +=
          digits[static_cast<unsigned char>(*hex) & 15];
    if (hex != v.magnitude.rend()) out += "...";
  }
  void operator()(const Pid& v) { out += fmt::format("<{}.{}.{}>", v.node.name, v.id, v.serial); }
  void operator()(const Port& v) { out += fmt::format("#Port<{}.{}>", v.node.name, v.id); }
  void operator()(const Reference& v) {
    out += "#Ref<" + v.node.name;
    for (int i = v.length; i-- > 0;) out += '.' + std::to_string(v.words[i]);
    out += '>';
  }
  void operator()(const Tuple& v) { sequence('{', v.elements, '}'); }
  void operator()(const List& v) {
    sequence('[', v.elements, v.tail ? '|' : ']');
    if (v.tail) {
      (*this)(*v.tail);
      out += ']';
    }
  }
  void operator()(const CharList& v) {
    auto shown = from_latin1(std::string_view(v.bytes).substr(0, limit_));
    if (is_printable(shown, Lines::kept)) {
      out += in_quotes(shown, '"');
      return;
    }
    out += '[';
    for (std::size_t i = 0; i < v.bytes.size() && out.size() < limit_; ++i)
      out += (i ? "," : "") + std::to_string(static_cast<unsigned char>(v.bytes[i]));
    out += ']';
  }
  void operator()(const Map& v) {
    out += "#{";
    for (std::size_t i = 0; i < v.pairs.size() && !cut_; ++i) {
      if (i) out += ',';
      (*this)(v.pairs[i].first);
      out += " => ";
      (*this)(v.pairs[i].second);
    }
    out += '}';
  }
  void operator()(const Fun&) { out += "#Fun"; }

  std::string out;

 private:
  void sequence(char open, const std::vector<Term>& elements, char close) {
    out += open;
    for (std::size_t i = 0; i < elements.size() && !cut_; ++i) {
      if (i) out += ',';
      (*this)(elements[i]);
    }
    out += close;
  }
  void bytes(std::string_view data, unsigned last_bits) {
    out += "<<";
    for (std::size_t i = 0; i < data.size(); ++i) {
      if (i) out += ',';
      if (out.size() >= limit_) {
        out += "...";
        break;
      }
      unsigned byte = static_cast<unsigned char>(data[i]);
      bool partial = i + 1 == data.size() && last_bits < 8;
      out +=
          partial ? fmt::format("{}:{}", byte >> (8 - last_bits), last_bits) : std::to_string(byte);
    }
    out += ">>";
  }

  std::size_t limit_;
  bool cut_ = false;
};

}  // namespace

std::string quoted(const Atom& atom) {
  return is_plain(atom.name) ? atom.name : in_quotes(atom.name, '\'');
}

std::string name_of(const Term& term, std::size_t most) {
  std::string text;
  if (!term.text(text) || text.empty()) text = to_string(term, most);
  if (text.size() <= most && muster::is_plain(text)) return text;
  return clean_text(text, most);
}

std::string to_string(const Term& term, std::size_t limit) {
  Printer printer(limit);
  printer(term);
  return std::move(printer.out);
}

}  // namespace muster::etf
