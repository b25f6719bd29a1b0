#include "ops/json_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>

#include "base/clean_text.h"

namespace muster::ops {
namespace {

/// What is valid of `bytes`, with U+FFFD in place of each byte that is not.
std::string mended(std::string_view bytes) {
  std::string out;
  while (!bytes.empty()) {
    auto character = first_character(bytes);
    out += character.is_valid ? bytes.substr(0, character.length) : "\xef\xbf\xbd";
    bytes.remove_prefix(character.length);
  }
  return out;
}

/// Of the control characters.
constexpr std::array<std::string_view, 32> escapes = {
    "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007",
    "\\u0008", "\\t",     "\\n",     "\\u000b", "\\u000c", "\\r",     "\\u000e", "\\u000f",
    "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014", "\\u0015", "\\u0016", "\\u0017",
    "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e", "\\u001f"};

void append_valid(std::string& out, std::string_view text) {
  auto plain = [](unsigned char c) { return c >= 0x20 && c != '"' && c != '\\'; };
  out += '"';
  while (!text.empty()) {
    std::size_t length = 0;
    while (length < text.size() && plain(text[length])) ++length;
    out += text.substr(0, length);
    text.remove_prefix(length);
    if (text.empty()) break;
    auto c = static_cast<unsigned char>(text.front());
    if (c < escapes.size())
      out += escapes[c];
    else
      out.append(1, '\\').append(1, text.front());
    text.remove_prefix(1);
  }
  out += '"';
}

void append_text(std::string& out, std::string_view text) {
  if (is_utf8(text)) return append_valid(out, text);
  append_valid(out, mended(text));
}

void append_scalar(std::string& out, const json::value& value) {
  if (auto* text = value.if_string()) return append_text(out, *text);
  if (auto* number = value.if_int64()) {
    fmt::format_to(std::back_inserter(out), "{}", *number);
    return;
  }
  out += json::serialize(value);
}

void begin(bool& is_first, std::string& out) {
  if (!std::exchange(is_first, false)) out += ',';
}

}  // namespace

void append_json(std::string& out, const json::value& value) {
  bool is_first = true;
  if (auto* array = value.if_array()) {
    out += '[';
    for (auto& element : *array) begin(is_first, out), append_json(out, element);
    out += ']';
  } else if (auto* object = value.if_object()) {
    out += '{';
    for (auto& pair : *object) {
      begin(is_first, out);
      append_text(out, pair.key());
      out += ':';
      append_json(out, pair.value());
    }
    out += '}';
  } else {
    append_scalar(out, value);
  }
}

std::string json_text(const json::value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

JsonPieces::JsonPieces(std::shared_ptr<const void> value, const Type& type)
    : value_(std::move(value)), type_(&type) {}

bool JsonPieces::next(std::string& out, std::size_t most) {
  if (!std::exchange(is_begun_, true)) put(*type_, value_.get(), out);
  while (!open_.empty() && out.size() < most) step(out);
  return !open_.empty();
}

void JsonPieces::put(const Type& type, const void* value, std::string& out) {
  if (type.is_present) {  // optional
    if (type.is_present(value)) return put(type.inner(), type.at(value, 0), out);
    out += "null";
  } else if (type.kind == Kind::structure) {
    out += '{';
    open_.push_back({&type, value});
  } else if (type.kind == Kind::array) {
    out += '[';
    open_.push_back({&type, value});
  } else if (type.kind == Kind::text) {
    append_text(out, *static_cast<const std::string*>(value));
  } else {
    auto made = type.to_json(value);
    if (!made.is_structured()) return append_scalar(out, made);
    made_ = std::make_unique<json::value>(std::move(made));
    put(*made_, out);
  }
}

void JsonPieces::put(const json::value& value, std::string& out) {
  if (!value.is_structured()) return append_scalar(out, value);
  out += value.is_array() ? '[' : '{';
  open_.push_back({nullptr, &value});
}

/// One member or element more, or the end of what is open.
void JsonPieces::step(std::string& out) {
  auto depth = open_.size();
  auto& open = open_.back();
  if (open.type ? step_into_type(open, out) : step_into_json(open, out)) return;
  bool is_list = open.type ? open.type->kind == Kind::array
                           : static_cast<const json::value*>(open.value)->is_array();
  out += is_list ? ']' : '}';
  open_.resize(depth - 1, Open{nullptr, nullptr});
}

bool JsonPieces::step_into_type(Open& open, std::string& out) {
  auto& type = *open.type;
  if (type.kind == Kind::array) {
    if (open.at == type.count(open.value)) return false;
    begin(open.is_first, out);
    put(type.inner(), type.at(open.value, open.at++), out);
    return true;
  }
  auto& members = type.structure()->members;
  while (open.at < members.size()) {
    auto& member = members[open.at++];
    auto* value = member.address_of(open.value);
    auto& of_member = member.type();
    if (of_member.is_present && !of_member.is_present(value)) continue;
    begin(open.is_first, out);
    append_text(out, member.name);
    out += ':';
    put(of_member, value, out);
    return true;
  }
  return false;
}

bool JsonPieces::step_into_json(Open& open, std::string& out) {
  auto& value = *static_cast<const json::value*>(open.value);
  if (auto* array = value.if_array()) {
    if (open.at == array->size()) return false;
    begin(open.is_first, out);
    put((*array)[open.at++], out);
    return true;
  }
  auto& object = value.get_object();
  if (open.at == object.size()) return false;
  auto& pair = *(object.begin() + static_cast<std::ptrdiff_t>(open.at++));
  begin(open.is_first, out);
  append_text(out, pair.key());
  out += ':';
  put(pair.value(), out);
  return true;
}

}  // namespace muster::ops
