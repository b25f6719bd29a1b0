#include "ops/input.h"

#include <charconv>
#include <cmath>

#include "etf/print.h"
#include "ops/body.h"
#include "ops/json_term.h"

namespace muster::ops {
namespace {

/// All of `text` as a number of that type, or false.
template <class T>
bool parse_all(const std::string& text, T& value) {
  auto end = text.data() + text.size();
  auto [at, ec] = std::from_chars(text.data(), end, value);
  return ec == std::errc() && at == end && !text.empty();
}

constexpr double exact = 9007199254740992.0;  // 2^53

}  // namespace

const json::value* Input::json() const {
  auto* p = std::get_if<json::value*>(&value_);
  return p ? *p : nullptr;
}

const etf::Term* Input::term() const {
  auto* p = std::get_if<etf::Term*>(&value_);
  return p ? *p : nullptr;
}

Blob* Input::blob() const {
  auto* p = std::get_if<Blob*>(&value_);
  return p ? *p : nullptr;
}

bool Input::is_null() const {
  if (auto* v = json()) return v->is_null();
  if (auto* t = term()) return t->is_atom("undefined") || t->is_atom("null");
  return false;
}

bool Input::is_text() const {
  if (auto* v = json()) return v->is_string();
  if (auto* t = term()) return t->is<etf::Atom>() || t->is<etf::Binary>() || t->is<etf::CharList>();
  return false;
}

std::string_view Input::kind() const {
  if (auto* v = json()) {
    switch (v->kind()) {
      case json::kind::null:
        return "null";
      case json::kind::bool_:
        return "a boolean";
      case json::kind::string:
        return "text";
      case json::kind::array:
        return "a list";
      case json::kind::object:
        return "an object";
      case json::kind::int64:
      case json::kind::uint64:
        return "an integer";
      case json::kind::double_:
        return "a number";
    }
  }
  if (auto* t = term()) {
    if (t->is_atom("true") || t->is_atom("false")) return "a boolean";
    if (t->is<etf::Atom>() || t->is<etf::Binary>()) return "text";
    if (t->is<etf::CharList>() || t->is<etf::List>()) return "a list";
    if (t->is<etf::Map>()) return "an object";
    if (t->is<std::int64_t>() || t->is<etf::BigInteger>()) return "an integer";
    if (t->is<double>()) return "a number";
    if (t->is<etf::Tuple>()) return "a tuple";
    if (t->is<etf::Pid>()) return "a pid";
    if (t->is<etf::Port>()) return "a port";
    if (t->is<etf::Reference>()) return "a reference";
    if (t->is<etf::Fun>()) return "a fun";
    return "a bitstring";
  }
  return "bytes";
}

Error Input::wanted(std::string_view what) const {
  return Error(Errc::bad_request, fmt::format("wanted {}, got {}", what, kind()));
}

Result<std::string> Input::text(std::string_view wanted_name) const {
  std::string text;
  if (auto* const* v = std::get_if<json::value*>(&value_)) {
    auto* string = (*v)->if_string();
    if (!string) return wanted(wanted_name);
    text.assign(string->data(), string->size());
  } else if (auto* const* t = std::get_if<etf::Term*>(&value_)) {
    if (auto* binary = (*t)->get_if<etf::Binary>())
      text = std::move(binary->bytes);
    else if (!(*t)->text(text))
      return wanted(wanted_name);
    if (!is_utf8(text))
      return Error(Errc::bad_request,
                   fmt::format("wanted {}, got bytes that are not UTF-8", wanted_name));
  } else {
    return wanted(wanted_name);
  }
  if (text.find('\0') != std::string::npos)
    return Error(Errc::bad_request, fmt::format("wanted {} without zero bytes", wanted_name));
  return text;
}

Result<std::int64_t> Input::integer(std::int64_t min, std::int64_t max) const {
  auto out_of_range = [&] {
    return Error(Errc::bad_request, fmt::format("wanted an integer from {} to {}", min, max));
  };
  std::int64_t value = 0;
  if (auto* v = json(); v && v->is_number()) {
    if (auto* i = v->if_int64())
      value = *i;
    else if (auto* u = v->if_uint64()) {
      if (std::cmp_greater(*u, max)) return out_of_range();
      value = static_cast<std::int64_t>(*u);
    } else {
      double d = v->get_double();
      if (std::trunc(d) != d || std::abs(d) > exact) return wanted("an integer");
      value = static_cast<std::int64_t>(d);
    }
  } else if (auto* t = term(); t && t->is<std::int64_t>()) {
    value = *t->get_if<std::int64_t>();
  } else if (t && t->is<etf::BigInteger>()) {
    return out_of_range();
  } else {
    auto given = text("an integer");
    if (!given) return std::move(given).error();
    if (!parse_all(*given, value)) return wanted("an integer");
  }
  if (value < min || value > max) return out_of_range();
  return value;
}

Result<double> Input::real() const {
  double value = 0;
  if (auto* v = json(); v && v->is_number()) {
    value = v->to_number<double>();
    if (!std::isfinite(value)) return wanted("a finite number");
    return value;
  }
  if (auto* t = term()) {
    if (auto* i = t->get_if<std::int64_t>()) return static_cast<double>(*i);
    if (auto* d = t->get_if<double>()) return *d;
  }
  auto given = text("a number");
  if (!given) return std::move(given).error();
  if (!parse_all(*given, value) || !std::isfinite(value)) return wanted("a number");
  return value;
}

Result<bool> Input::boolean() const {
  if (auto* v = json(); v && v->is_bool()) return v->get_bool();
  auto given = text("a boolean");
  if (!given) return std::move(given).error();
  if (*given == "true") return true;
  if (*given == "false") return false;
  return wanted("a boolean");
}

Result<std::vector<Input>> Input::elements() const {
  std::vector<Input> elements;
  if (auto* const* v = std::get_if<json::value*>(&value_)) {
    auto* array = (*v)->if_array();
    if (!array) return wanted("a list");
    elements.reserve(array->size());
    for (auto& element : *array) elements.emplace_back(element);
    return elements;
  }
  auto* const* t = std::get_if<etf::Term*>(&value_);
  if (!t) return wanted("a list");
  if (auto* chars = (*t)->get_if<etf::CharList>()) {
    etf::List spelled;
    for (unsigned char c : chars->bytes) spelled.elements.emplace_back(std::int64_t{c});
    **t = std::move(spelled);
  }
  auto* list = (*t)->get_if<etf::List>();
  if (!list || list->tail) return wanted("a list");
  elements.reserve(list->elements.size());
  for (auto& element : list->elements) elements.emplace_back(element);
  return elements;
}

Result<Fields> Input::fields() const {
  Fields fields;
  if (auto* const* v = std::get_if<json::value*>(&value_)) {
    auto* object = (*v)->if_object();
    if (!object) return wanted("an object");
    for (auto& pair : *object) fields.emplace_back(pair.key(), Input(pair.value()));
    return fields;
  }
  auto* const* t = std::get_if<etf::Term*>(&value_);
  if (!t) return wanted("an object");
  auto add = [&](etf::Term& key, etf::Term& value) {
    std::string name;
    if (!key.text(name) || !is_utf8(name)) return false;
    fields.emplace_back(std::move(name), Input(value));
    return true;
  };
  auto bad_key = [](const etf::Term& key) {
    return Error(Errc::bad_request,
                 "wanted an atom, binary or string as key, got " + etf::to_string(key, 80));
  };
  if (auto* map = (*t)->get_if<etf::Map>()) {
    for (auto& [key, value] : map->pairs)
      if (!add(key, value)) return bad_key(key);
    return fields;
  }
  auto* list = (*t)->get_if<etf::List>();
  if (!list || list->tail) return wanted("a map or property list");
  for (auto& element : list->elements) {
    if (auto* atom = element.get_if<etf::Atom>())  // [autostart] is [{autostart, true}]
      element = etf::tuple(*atom, true);
    auto* pair = element.get_if<etf::Tuple>();
    if (!pair || pair->elements.size() != 2)
      return Error(Errc::bad_request,
                   "wanted {Key, Value} in a property list, got " + etf::to_string(element, 80));
    if (!add(pair->elements[0], pair->elements[1])) return bad_key(pair->elements[0]);
  }
  return fields;
}

json::value Input::to_json() const {
  if (auto* const* v = std::get_if<json::value*>(&value_)) return std::move(**v);
  if (auto* t = term()) return json_of(*t);
  return nullptr;
}

etf::Term Input::to_term() const {
  if (auto* const* t = std::get_if<etf::Term*>(&value_)) return std::move(**t);
  if (auto* v = json()) return term_of(*v);
  return etf::Binary{};
}

Error at_field(Error error, std::string_view name) {
  std::string pointer = "/";
  for (char c : name) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
  error.field.insert(0, pointer);
  return error;
}

}  // namespace muster::ops
