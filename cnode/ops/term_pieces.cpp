#include "ops/term_pieces.h"

#include <algorithm>
#include <utility>

#include "etf/encode.h"
#include "etf/tags.h"

namespace muster::ops {
namespace {

void put_header(std::string& out, unsigned tag, std::size_t count) {
  out += static_cast<char>(tag);
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(count >> shift & 0xff);
}

bool is_there(const Member& member, const void* object) {
  auto& type = member.type();
  return !type.is_present || type.is_present(member.address_of(object));
}

}  // namespace

TermPieces::TermPieces(std::shared_ptr<const void> value, const Type& type)
    : value_(std::move(value)), type_(&type) {}

bool TermPieces::next(std::string& out, std::size_t most) {
  auto end = out.size() + most;
  if (!std::exchange(is_begun_, true)) put(*type_, value_.get(), out);
  while (!open_.empty() && out.size() < end) step(out);
  return !open_.empty();
}

void TermPieces::put(const Type& type, const void* value, std::string& out) {
  if (type.is_present && type.is_present(value))  // optional
    return put(type.inner(), type.at(value, 0), out);
  if (!type.is_present && type.kind == Kind::structure) {
    auto& members = type.structure()->members;
    auto count = std::count_if(members.begin(), members.end(),
                               [&](auto& member) { return is_there(member, value); });
    put_header(out, etf::tag::map, static_cast<std::size_t>(count));
    open_.push_back({&type, value});
  } else if (!type.is_present && type.kind == Kind::array && type.count(value) > 0) {
    put_header(out, etf::tag::list, type.count(value));
    open_.push_back({&type, value});
  } else {
    etf::encode(type.to_term(value), out);
  }
}

/// One member or element more, or the end of what is open.
void TermPieces::step(std::string& out) {
  auto& open = open_.back();
  auto& type = *open.type;
  if (type.kind == Kind::array) {
    if (open.at < type.count(open.value))
      return put(type.inner(), type.at(open.value, open.at++), out);
    out += static_cast<char>(etf::tag::nil);
    return open_.pop_back();
  }
  auto& members = type.structure()->members;
  while (open.at < members.size() && !is_there(members[open.at], open.value)) ++open.at;
  if (open.at == members.size()) return open_.pop_back();
  auto& member = members[open.at++];
  auto* value = member.address_of(open.value);  // `open` may move from here on
  etf::encode(etf::atom(member.name), out);
  put(member.type(), value, out);
}

}  // namespace muster::ops
