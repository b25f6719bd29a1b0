#include "doors/rest/request_parser.h"

#include <algorithm>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>
#include <cctype>

namespace muster::doors::rest {
namespace {

namespace http = boost::beast::http;

Error http_error(const boost::system::error_code& ec) {
  if (ec == http::error::header_limit)
    return Error(Errc::too_large,
                 fmt::format("headers of more than {} bytes", RequestParser::header_limit));
  if (ec == http::error::body_limit) return Error(Errc::too_large, "the body is too large");
  return Error(Errc::bad_request, "this is no HTTP request: " + ec.message());
}

bool is_folded(std::string_view head) {
  return head.find("\r\n ") != std::string_view::npos ||
         head.find("\r\n\t") != std::string_view::npos;
}

/// Whoever stands in front must not read another length of the body out of this head.
Result<> check_framing(const RequestHead& head) {
  std::vector<std::string_view> codings, lengths;
  for (auto& [name, value] : head.headers) {
    if (boost::beast::iequals(name, "Transfer-Encoding")) codings.push_back(value);
    if (boost::beast::iequals(name, "Content-Length")) lengths.push_back(value);
  }
  if (!codings.empty() && !lengths.empty())
    return Error(Errc::bad_request, "Transfer-Encoding together with Content-Length");
  if (!codings.empty() && !head.is_http_1_1)
    return Error(Errc::bad_request, "HTTP/1.0 has no Transfer-Encoding");
  if (codings.size() > 1 || (codings.size() == 1 && !boost::beast::iequals(codings[0], "chunked")))
    return Error(Errc::unsupported, "the only Transfer-Encoding is chunked");
  if (lengths.size() > 1) return Error(Errc::bad_request, "more than one Content-Length");
  auto is_digit = [](unsigned char c) { return std::isdigit(c) != 0; };
  for (auto length : lengths)
    if (length.empty() || !std::all_of(length.begin(), length.end(), is_digit))
      return Error(Errc::bad_request, "Content-Length must be a number");
  return {};
}

}  // namespace

struct RequestParser::State {
  http::request_parser<http::buffer_body> parser;
  std::string head;        // bytes of a head that is not complete yet
  std::size_t taken = 0;   // of those
  std::size_t wanted = 1;  // bytes of a body, before it is looked at again

  State() {
    parser.header_limit(header_limit);
    parser.body_limit(boost::none);
  }
};

RequestParser::RequestParser() : state_(std::make_unique<State>()) {}
RequestParser::~RequestParser() = default;

std::string_view RequestHead::header(std::string_view name) const {
  for (auto& [key, value] : headers)
    if (boost::beast::iequals(key, name)) return value;
  return {};
}

std::string_view RequestHead::path() const {
  return std::string_view(target).substr(0, target.find('?'));
}

std::string_view RequestHead::query() const {
  auto at = target.find('?');
  return at == std::string::npos ? std::string_view() : std::string_view(target).substr(at + 1);
}

Result<bool> RequestParser::feed_head(std::string_view& bytes) {
  auto& [parser, head, taken, wanted] = *state_;
  // Beast wants the bytes it did not take again, followed by more.
  auto had = head.size(), seen = taken;
  head.append(bytes);
  boost::system::error_code ec;
  while (!parser.is_header_done() && !ec && taken < head.size())
    taken += parser.put(asio::buffer(head.data() + taken, head.size() - taken), ec);
  if (ec && ec != http::error::need_more) return http_error(ec);
  constexpr std::size_t line_end = 2;
  auto from = seen > line_end ? seen - line_end : 0;
  if (is_folded(std::string_view(head).substr(from, taken - from)))
    return Error(Errc::bad_request, "a header is folded over two lines");
  if (!parser.is_header_done()) {
    if (head.size() > header_limit) return http_error(http::error::header_limit);
    bytes = {};
    return false;
  }
  bytes.remove_prefix(taken - had);
  head.clear();
  taken = 0;

  auto& message = parser.get();
  head_ = {};
  head_.verb = message.method_string();
  head_.target = message.target();
  head_.is_http_1_1 = message.version() >= 11;
  head_.keeps_alive = message.keep_alive();
  head_.has_body = !parser.is_done();
  if (auto length = parser.content_length()) head_.content_length = *length;
  for (auto& field : message) head_.headers.emplace_back(field.name_string(), field.value());
  head_.expects_continue = boost::beast::iequals(head_.header("Expect"), "100-continue");
  head_.is_upgrade = http::token_list(head_.header("Connection")).exists("upgrade") &&
                     boost::beast::iequals(head_.header("Upgrade"), "websocket");
  auto is_sound = check_framing(head_);
  if (is_sound && !head_.target.starts_with('/'))
    is_sound = Error(Errc::bad_request, "the request's target must be a path");
  if (is_sound) return true;
  head_ = {};
  return is_sound.error();
}

void RequestParser::limit_body(std::uint64_t limit) {
  state_->parser.body_limit(limit);
}

Result<> RequestParser::feed_body(std::string_view& bytes, std::string& out) {
  auto& parser = state_->parser;
  constexpr std::size_t room = 64 * 1024;
  // Beast ends the program when it gets the end of the last chunk ("0", two line ends) for a second
  // time and still not whole. Whatever it wants more of is at least as long as that.
  constexpr std::size_t last_chunk = 5;
  boost::system::error_code ec;
  while (!parser.is_done() && bytes.size() >= state_->wanted) {
    auto had = out.size();
    out.resize(had + std::min(room, bytes.size()));
    auto& body = parser.get().body();
    body.data = out.data() + had;
    body.size = out.size() - had;
    ec = {};
    auto taken = parser.put(asio::buffer(bytes.data(), bytes.size()), ec);
    out.resize(out.size() - body.size);
    bytes.remove_prefix(taken);
    bool is_short = ec == http::error::need_more && taken == 0;
    state_->wanted = is_short ? std::max(last_chunk, bytes.size() + 1) : 1;
    if (ec && ec != http::error::need_buffer && ec != http::error::need_more) return http_error(ec);
  }
  return {};
}

bool RequestParser::is_done() const {
  return state_->parser.is_done();
}

void RequestParser::reset() {
  state_ = std::make_unique<State>();
  head_ = {};
}

}  // namespace muster::doors::rest
