#include <charconv>
#include <cmath>

#include "etf/weight.h"
#include "ops/base64.h"
#include "ops/convert.h"
#include "ops/time_text.h"

namespace muster::ops {
namespace {

/// What every scalar has; `T` is the type of the member.
template <class T, class Read, class Json, class Term>
Type scalar(Kind kind, Read, Json, Term, json::object (*schema)(Components&)) {
  Type type{kind};
  type.read = [](const Input& from, void* to) -> Result<void> {
    TRY(*static_cast<T*>(to), Read{}(from));
    return {};
  };
  type.to_json = [](const void* p) -> json::value { return Json{}(*static_cast<const T*>(p)); };
  type.to_term = [](const void* p) -> etf::Term { return Term{}(*static_cast<const T*>(p)); };
  type.schema = schema;
  type.size = sizeof(T);
  return type;
}

/// One that holds memory beside itself.
template <class T, std::size_t (*Heap)(const T&)>
Type with_heap(Type type) {
  type.heap = [](const void* p) { return Heap(*static_cast<const T*>(p)); };
  return type;
}

std::size_t heap_of_text(const std::string& text) {
  return text_heap(text.capacity());
}
std::size_t heap_of_name(const NodeName& name) {
  return text_heap(name.text.capacity());
}
std::size_t heap_of_secret(const Secret& secret) {
  return text_heap(secret.reveal().size());
}
std::size_t heap_of_blob(const Blob& blob) {
  return blob.size();
}
std::size_t heap_of_json(const json::value& value) {
  return weight(value) - sizeof value;
}
std::size_t heap_of_term(const etf::Term& term) {
  return etf::weight(term) - sizeof term;
}

Result<NodeName> read_node_name(const Input& from) {
  TRY(auto text, from.text("a node name"));
  auto at = text.find('@');
  bool is_good = at != std::string::npos && at > 0 && at + 1 < text.size() && text.size() <= 255 &&
                 text.find('@', at + 1) == std::string::npos;
  for (unsigned char c : text)
    if (c <= ' ' || c > '~' || c == '\'' || c == '"' || c == '\\' || c == '/') is_good = false;
  if (!is_good)
    return Error(Errc::bad_request, "wanted a node name, name@host in ASCII, up to 255 characters");
  return NodeName{std::move(text)};
}

Result<Timestamp> read_time(const Input& from) {
  if (from.is_text()) {
    TRY(auto text, from.text());
    return parse_rfc3339(text);
  }
  if (from.kind() != "an integer")
    return from.wanted("a time (RFC 3339, or milliseconds since 1970)");
  constexpr std::int64_t year_9999 = 253402300799999;
  TRY(auto ms, from.integer(0, year_9999));
  return Timestamp(std::chrono::milliseconds(ms));
}

Result<Blob> read_blob(const Input& from) {
  Blob blob;
  if (auto* given = from.blob()) return std::move(*given);
  if (auto* term = from.term()) {
    auto* binary = term->get_if<etf::Binary>();
    if (!binary) return from.wanted("a binary");
    auto moved = from.to_term();
    blob.pieces.push_back(std::move(moved.get_if<etf::Binary>()->bytes));
    return blob;
  }
  TRY(auto text, from.text("base64 text"));
  Base64Decoder decoder;
  TRYV(decoder.feed(text, blob));
  TRYV(decoder.finish());
  return blob;
}

}  // namespace

template <>
const Type& type_of<std::string>() {
  static const Type type = with_heap<std::string, heap_of_text>(scalar<std::string>(
      Kind::text, [](const Input& in) { return in.text(); },
      [](const std::string& s) { return json::value(s); },
      [](const std::string& s) { return etf::binary(s); },
      [](Components&) {
        return json::object{{"type", "string"}};
      }));
  return type;
}

template <>
const Type& type_of<bool>() {
  static const Type type = [] {
    auto t = scalar<bool>(
        Kind::boolean, [](const Input& in) { return in.boolean(); }, [](bool b) { return b; },
        [](bool b) { return etf::Term(b); },
        [](Components&) {
          return json::object{{"type", "boolean"}};
        });
    t.may_be_absent = true;
    return t;
  }();
  return type;
}

template <>
const Type& type_of<double>() {
  static const Type type = scalar<double>(
      Kind::real, [](const Input& in) { return in.real(); },
      [](double d) { return std::isfinite(d) ? json::value(d) : json::value(0.0); },
      [](double d) { return etf::Term(std::isfinite(d) ? d : 0.0); },
      [](Components&) {
        return json::object{{"type", "number"}};
      });
  return type;
}

template <>
const Type& type_of<Secret>() {
  static const Type type = with_heap<Secret, heap_of_secret>(scalar<Secret>(
      Kind::secret,
      [](const Input& in) -> Result<Secret> {
        TRY(auto text, in.text());
        return Secret(std::move(text));
      },
      [](const Secret&) -> json::value { throw std::logic_error("a secret on its way out"); },
      [](const Secret&) -> etf::Term { throw std::logic_error("a secret on its way out"); },
      [](Components&) {
        return json::object{{"type", "string"}, {"writeOnly", true}};
      }));
  return type;
}

template <>
const Type& type_of<Timestamp>() {
  static const Type type = scalar<Timestamp>(
      Kind::time, [](const Input& in) { return read_time(in); },
      [](Timestamp t) { return json::value(to_rfc3339(t)); },
      [](Timestamp t) { return etf::Term(std::int64_t{t.time_since_epoch().count()}); },
      [](Components&) {
        return json::object{{"type", "string"}, {"format", "date-time"}};
      });
  return type;
}

template <>
const Type& type_of<NodeName>() {
  static const Type type = with_heap<NodeName, heap_of_name>(scalar<NodeName>(
      Kind::node_name, [](const Input& in) { return read_node_name(in); },
      [](const NodeName& n) { return json::value(n.text); },
      [](const NodeName& n) { return etf::atom(n.text); },
      [](Components&) {
        return json::object{{"type", "string"}, {"maxLength", 255}};
      }));
  return type;
}

template <>
const Type& type_of<Blob>() {
  static const Type type = with_heap<Blob, heap_of_blob>(scalar<Blob>(
      Kind::blob, [](const Input& in) { return read_blob(in); },
      [](const Blob&) -> json::value { throw std::logic_error("bytes on their way out"); },
      [](const Blob&) -> etf::Term { throw std::logic_error("bytes on their way out"); },
      [](Components&) {
        return json::object{{"type", "string"}, {"contentEncoding", "base64"}};
      }));
  return type;
}

template <>
const Type& type_of<json::value>() {
  static const Type type = with_heap<json::value, heap_of_json>(scalar<json::value>(
      Kind::json, [](const Input& in) -> Result<json::value> { return in.to_json(); },
      [](const json::value& v) { return v; }, [](const json::value& v) { return term_of(v); },
      [](Components&) { return json::object(); }));
  return type;
}

template <>
const Type& type_of<etf::Term>() {
  static const Type type = with_heap<etf::Term, heap_of_term>(scalar<etf::Term>(
      Kind::term, [](const Input& in) -> Result<etf::Term> { return in.to_term(); },
      [](const etf::Term& t) { return json_of(t); }, [](const etf::Term& t) { return t; },
      [](Components&) { return json::object(); }));
  return type;
}

namespace detail {

json::object integer_schema(std::int64_t min, std::int64_t max) {
  json::object schema{{"type", "integer"}};
  if (min != INT64_MIN) schema["minimum"] = min;
  if (max != INT64_MAX) schema["maximum"] = max;
  return schema;
}

etf::Term unsigned_term(std::uint64_t value) {
  return term_of(json::value(value));
}

}  // namespace detail
}  // namespace muster::ops
