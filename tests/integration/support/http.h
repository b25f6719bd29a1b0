#pragma once

#include <boost/json.hpp>
#include <chrono>
#include <string>
#include <vector>

namespace muster::test {

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::string> headers;  // "Name: value"
  std::string body;
  std::chrono::milliseconds limit = std::chrono::seconds(20);
};

struct HttpReply {
  int status = 0;  // 0: no reply, `text` says why
  std::string headers;
  std::string text;
  boost::json::value json;  // null when the body is no JSON
};

/// One request on a connection of its own. Never throws: no reply is status 0.
HttpReply http(const HttpRequest& request);

}  // namespace muster::test
