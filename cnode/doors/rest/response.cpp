#include "doors/rest/response.h"

namespace muster::doors::rest {

std::string Response::head(bool keeps_alive) const {
  auto out = fmt::format("HTTP/1.1 {} {}\r\n", status, reason_of(status));
  if (!content_type.empty()) out += "Content-Type: " + content_type + "\r\n";
  constexpr int no_content = 204;
  if (is_streamed) {
    if (is_chunked) out += "Transfer-Encoding: chunked\r\n";
  } else if (status != no_content)
    out += fmt::format("Content-Length: {}\r\n", body.size());
  for (auto& [name, value] : headers) out += name + ": " + value + "\r\n";
  out += "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
  out += keeps_alive ? "Connection: keep-alive\r\n\r\n" : "Connection: close\r\n\r\n";
  return out;
}

Response json_response(int status, const ops::Reply& reply) {
  constexpr int no_content = 204;
  if (status == no_content) return {status, {}, {}, {}};
  Response response{status, "application/json", {}, {}};
  ops::JsonPieces pieces(reply.value, *reply.type);
  if (pieces.next(response.body, piece_size)) {
    response.is_streamed = true;
    response.more = std::move(pieces);
  }
  return response;
}

Response problem_response(const Error& error) {
  auto document = ops::problem(ops::error_reply(error));
  Response response{static_cast<int>(document["status"].as_int64()),
                    "application/problem+json",
                    ops::json_text(document),
                    {}};
  if (error.errc() == Errc::unauthorized)
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (error.errc() == Errc::unavailable) response.headers.emplace_back("Retry-After", "5");
  return response;
}

std::string_view reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 429:
      return "Too Many Requests";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    default:
      return "Status";
  }
}

}  // namespace muster::doors::rest
