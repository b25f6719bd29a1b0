#include "doors/rest/json_body.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cmath>
#include <optional>
#include <set>

#include "ops/base64.h"
#include "ops/input.h"

namespace muster::doors::rest {
namespace {

constexpr std::size_t plain_limit = 1 << 20;
constexpr std::size_t max_depth = 64;

/// What Boost.JSON's parser calls. Builds the value, but turns the text of a member that is bytes
/// into a Blob, with null in its place.
struct Handler {
  static constexpr std::size_t max_object_size = json::object::max_size();
  static constexpr std::size_t max_array_size = json::array::max_size();
  static constexpr std::size_t max_key_size = json::string::max_size();
  static constexpr std::size_t max_string_size = json::string::max_size();
  using Code = json::error_code;

  struct Found {
    std::string name;
    bool is_wrapped;
    ops::Blob blob;
  };

  const ops::Struct* request = nullptr;
  std::string wrapper;
  json::value_stack stack;
  std::size_t depth = 0;
  std::string key, outer_key;               // of the value that comes now, and of what encloses it
  std::vector<std::set<std::string>> keys;  // of each object that is open
  std::optional<ops::Base64Decoder> decoder;
  std::vector<Found> found;
  std::uint64_t blob_bytes = 0;
  std::size_t values = 0;
  std::optional<Error> error;

  bool count(Code& ec) {
    if (++values <= JsonBody::value_limit) return true;
    error =
        Error(Errc::too_large, fmt::format("the body may have {} values", JsonBody::value_limit));
    ec = json::error::syntax;
    return false;
  }

  bool is_blob() const {
    if (!request || (depth != 1 && (depth != 2 || outer_key != wrapper || wrapper.empty())))
      return false;
    auto* member = request->find(key);
    return member && member->type().kind == ops::Kind::blob;
  }
  bool decode(std::string_view text, Code& ec) {
    if (!decoder) {
      decoder.emplace();
      found.push_back({key, depth == 2, {}});
    }
    blob_bytes += text.size();
    if (auto r = decoder->feed(text, found.back().blob); !r) return fail(std::move(r).error(), ec);
    return true;
  }
  bool fail(Error why, Code& ec) {
    error = ops::at_field(std::move(why), key);
    ec = json::error::syntax;
    return false;
  }

  bool on_document_begin(Code&) { return true; }
  bool on_document_end(Code&) { return true; }
  bool on_object_begin(Code& ec) {
    if (!count(ec)) return false;
    if (++depth == 2) outer_key = std::exchange(key, {});
    keys.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, Code&) {
    --depth;
    keys.pop_back();
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(Code& ec) {
    if (!count(ec)) return false;
    if (++depth == 2) outer_key.clear();
    key.clear();
    return true;
  }
  bool on_array_end(std::size_t n, Code&) {
    --depth;
    stack.push_array(n);
    return true;
  }
  bool on_key_part(std::string_view s, std::size_t n, Code&) {
    if (n == s.size()) key.clear();
    key.append(s);
    stack.push_chars(s);
    return true;
  }
  bool on_key(std::string_view s, std::size_t n, Code& ec) {
    if (!count(ec)) return false;
    if (n == s.size()) key.clear();
    key.append(s);
    if (!keys.back().insert(key).second) return fail(Error(Errc::bad_request, "given twice"), ec);
    stack.push_key(s);
    return true;
  }
  bool on_string_part(std::string_view s, std::size_t, Code& ec) {
    if (is_blob()) return decode(s, ec);
    stack.push_chars(s);
    return true;
  }
  bool on_string(std::string_view s, std::size_t, Code& ec) {
    if (!count(ec)) return false;
    if (!is_blob()) return stack.push_string(s), true;
    if (!decode(s, ec)) return false;
    auto end = decoder->finish();
    decoder.reset();
    if (!end) return fail(std::move(end).error(), ec);
    stack.push_null();
    return true;
  }
  bool on_number_part(std::string_view, Code&) { return true; }
  bool on_int64(std::int64_t i, std::string_view, Code& ec) {
    return count(ec) && (stack.push_int64(i), true);
  }
  bool on_uint64(std::uint64_t u, std::string_view, Code& ec) {
    return count(ec) && (stack.push_uint64(u), true);
  }
  bool on_double(double d, std::string_view, Code& ec) {
    if (!count(ec)) return false;
    if (!std::isfinite(d)) {
      error = Error(Errc::bad_request, "a number in the body is out of range");
      ec = json::error::syntax;
      return false;
    }
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, Code& ec) { return count(ec) && (stack.push_bool(b), true); }
  bool on_null(Code& ec) { return count(ec) && (stack.push_null(), true); }
  bool on_comment_part(std::string_view, Code&) { return true; }
  bool on_comment(std::string_view, Code&) { return true; }
};

json::parse_options options() {
  json::parse_options options;
  options.max_depth = max_depth;
  return options;
}

}  // namespace

struct JsonBody::State {
  json::basic_parser<Handler> parser{options()};
  std::uint64_t fed = 0;
  bool is_empty = true;
};

JsonBody::JsonBody(const ops::Struct* request, std::string_view wrapper)
    : state_(std::make_unique<State>()) {
  state_->parser.handler().request = request;
  state_->parser.handler().wrapper = wrapper;
  state_->parser.handler().stack.reset();
}

JsonBody::~JsonBody() = default;

std::uint64_t JsonBody::weight() const {
  constexpr std::uint64_t per_value = 192;  // as JSON and then as a term, with the room to grow
  if (!state_) return 0;
  auto& handler = state_->parser.handler();
  return 2 * (state_->fed - handler.blob_bytes) + per_value * handler.values +
         handler.blob_bytes / 4 * 3;
}

Result<> JsonBody::feed(std::string_view bytes) {
  auto& handler = state_->parser.handler();
  auto fail = [&](json::error_code ec, std::size_t at) {
    if (handler.error) return *handler.error;
    return Error(Errc::bad_request,
                 fmt::format("the body is no JSON: {} at byte {}", ec.message(), state_->fed + at));
  };
  if (state_->is_empty) {
    auto start = bytes.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return {};
    state_->is_empty = false;
  }
  json::error_code ec;
  auto taken = state_->parser.write_some(true, bytes.data(), bytes.size(), ec);
  if (!ec && taken < bytes.size() &&
      bytes.find_first_not_of(" \t\r\n", taken) != std::string_view::npos)
    ec = json::error::extra_data;
  if (ec) return fail(ec, taken);
  state_->fed += bytes.size();
  if (state_->fed - handler.blob_bytes > plain_limit)
    return Error(Errc::too_large, "the body is too large");
  return {};
}

Result<> JsonBody::finish() {
  if (state_->is_empty) return {};
  json::error_code ec;
  auto& handler = state_->parser.handler();
  if (!state_->parser.done()) state_->parser.write_some(false, "", 0, ec);
  if (ec)
    return handler.error ? *handler.error
                         : Error(Errc::bad_request, "the body is no JSON: " + ec.message());
  value_ = handler.stack.release();
  auto* object = value_.if_object();
  bool is_wrapped = object && object->size() == 1 && object->begin()->value().is_object() &&
                    object->begin()->key() == handler.wrapper && !handler.wrapper.empty();
  if (is_wrapped) {
    json::value inner = std::move(object->begin()->value());
    value_ = std::move(inner);
    object = value_.if_object();
  }
  for (auto& each : handler.found) {
    if (each.is_wrapped != is_wrapped || !object) continue;
    object->erase(each.name);
    blobs_.emplace_back(std::move(each.name), std::move(each.blob));
  }
  state_.reset();
  return {};
}

}  // namespace muster::doors::rest
