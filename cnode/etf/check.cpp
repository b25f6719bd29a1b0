#include "etf/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

#include "etf/tags.h"
#include "etf/utf8.h"

namespace muster::etf {
namespace {

/// A cursor that never leaves the buffer; `failed` sticks.
class Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  std::uint64_t number(std::size_t width) {
    if (!has(width)) return 0;
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < width; ++i)
      value = value << 8 | static_cast<unsigned char>(bytes_[at_ + i]);
    at_ += width;
    return value;
  }
  void skip(std::uint64_t count) {
    if (has(count)) at_ += count;
  }
  std::string_view take(std::uint64_t count) {
    if (!has(count)) return {};
    at_ += count;
    return bytes_.substr(at_ - count, count);
  }
  unsigned peek() const {
    return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_]) : 0;
  }
  std::size_t at() const { return at_; }
  std::size_t left() const { return bytes_.size() - at_; }
  bool failed() const { return failed_; }

 private:
  bool has(std::uint64_t count) {
    if (failed_ || count > bytes_.size() - at_) return !(failed_ = true);
    return true;
  }
  std::string_view bytes_;
  std::size_t at_ = 0;
  bool failed_ = false;
};

bool skip_text(Cursor& in, std::size_t width) {
  auto text = in.take(in.number(width));
  auto is_first = [](char byte) { return (byte & 0xc0) != 0x80; };
  return is_utf8(text) &&
         (text.size() <= 255 || std::count_if(text.begin(), text.end(), is_first) <= 255);
}

bool skip_latin1(Cursor& in, std::size_t width) {
  return in.take(in.number(width)).size() <= 255;
}

/// Skips an atom where the format demands one (node names, module names).
bool skip_atom(Cursor& in) {
  switch (in.number(1)) {
    case tag::small_atom_utf8:
      return skip_text(in, 1);
    case tag::atom_utf8:
      return skip_text(in, 2);
    case tag::small_atom_latin1:
      return skip_latin1(in, 1);
    case tag::atom_latin1:
      return skip_latin1(in, 2);
  }
  return false;
}

bool skip_pid(Cursor& in, unsigned which) {
  if (!skip_atom(in)) return false;
  in.skip(which == tag::new_pid ? 12 : 9);
  return true;
}

/// Consumes what is not a term itself after `which`; `children` is how many terms follow. False:
/// not a term we take.
bool skip_head(Cursor& in, unsigned which, std::uint64_t& children) {
  switch (which) {
    case tag::small_integer:
      in.skip(1);
      return true;
    case tag::integer:
      in.skip(4);
      return true;
    case tag::new_float:
      in.skip(8);
      return true;
    case tag::float_text:
      in.skip(31);
      return true;
    case tag::small_atom_utf8:
      return skip_text(in, 1);
    case tag::atom_utf8:
      return skip_text(in, 2);
    case tag::small_atom_latin1:
      return skip_latin1(in, 1);
    case tag::atom_latin1:
      return skip_latin1(in, 2);
    case tag::pid:
    case tag::new_pid:
      return skip_pid(in, which);
    case tag::port:
      return skip_atom(in) && (in.skip(5), true);
    case tag::new_port:
      return skip_atom(in) && (in.skip(8), true);
    case tag::v4_port:
      return skip_atom(in) && (in.skip(12), true);
    case tag::new_reference:
    case tag::newer_reference: {
      auto words = in.number(2);
      if (words == 0 || words > 5 || !skip_atom(in)) return false;
      in.skip((which == tag::newer_reference ? 4 : 1) + 4 * words);
      return true;
    }
    case tag::small_tuple:
      children = in.number(1);
      return true;
    case tag::large_tuple:
      children = in.number(4);
      return true;
    case tag::nil:
      return true;
    case tag::string:
      in.skip(in.number(2));
      return true;
    case tag::list:
      children = in.number(4) + 1;
      return true;
    case tag::map:
      children = 2 * in.number(4);
      return true;
    case tag::binary:
      in.skip(in.number(4));
      return true;
    case tag::bit_binary: {
      auto length = in.number(4);
      auto bits = in.number(1);
      in.skip(length);
      return bits >= 1 && bits <= 8 && length >= 1;
    }
    case tag::small_big: {
      auto length = in.number(1);
      in.skip(1 + length);
      return true;
    }
    case tag::large_big: {
      auto length = in.number(4);
      in.skip(1 + length);
      return length <= 1'000'000;
    }
    case tag::export_fun:
      children = 3;
      return true;
    case tag::new_fun: {
      auto size = in.number(4);  // counts itself
      in.skip(1 + 16 + 4);
      auto free_variables = in.number(4);
      if (size < 4) return false;
      children = 4 + free_variables;  // module, old index, old uniq, pid, then the variables
      return true;
    }
  }
  return false;
}

/// How many terms are still to come, per level of nesting. Most terms are flat: no memory is asked
/// for until sixteen levels.
class Nesting {
 public:
  std::size_t depth() const { return depth_; }
  std::uint64_t& top() { return depth_ <= few_.size() ? few_[depth_ - 1] : more_.back(); }
  void push(std::uint64_t terms) {
    if (depth_ < few_.size()) {
      few_[depth_] = terms;
    } else {
      more_.push_back(terms);
    }
    ++depth_;
  }
  void pop() {
    if (depth_ > few_.size()) more_.pop_back();
    --depth_;
  }

 private:
  std::array<std::uint64_t, 16> few_;
  std::vector<std::uint64_t> more_;
  std::size_t depth_ = 0;
};

}  // namespace

Result<std::size_t> check(std::string_view bytes, const Limits& limits) {
  Cursor in(bytes);
  Nesting open;
  open.push(1);
  std::size_t seen = 0;
  while (open.depth() > 0) {
    if (open.top() == 0) {
      open.pop();
      continue;
    }
    --open.top();
    if (++seen > limits.elements)
      return Error(Errc::too_large,
                   fmt::format("a term of more than {} elements", limits.elements));
    auto start = in.at();
    std::uint64_t children = 0;
    auto which = static_cast<unsigned>(in.number(1));
    if (!in.failed() && !skip_head(in, which, children))
      return Error(
          Errc::bad_request,
          fmt::format("external term format: tag {} at byte {} is not one we take", which, start));
    if (in.failed() || children > in.left())
      return Error(Errc::bad_request,
                   fmt::format("external term format: truncated at byte {}", start));
    if (children == 0) continue;
    if (open.depth() > limits.depth)
      return Error(Errc::too_large, fmt::format("a term nested more than {} deep", limits.depth));
    open.push(children);
  }
  return in.at();
}

}  // namespace muster::etf
