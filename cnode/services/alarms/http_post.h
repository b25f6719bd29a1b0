#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/secret.h"

namespace muster::alarms {

/// "sha256=" and the HMAC-SHA256 of `body` with `secret`, in lower-case hex (RFC 2104).
std::string signature(const Secret& secret, std::string_view body);

/// Sends `body` and gives the answer's status; follows no redirects, connects to no forbidden
/// address (forbidden_address.h; through a proxy of the environment that is the proxy's to judge),
/// verifies certificates, takes at most 10 s, and ends within a second once `is_ending` is true.
/// `resolved` ("host:port:address") answers instead of the name server: for tests.
/// Blocking: call it through offload. Errors: unavailable, where there was no answer; forbidden.
Result<int> http_post(const std::string& url, const std::vector<std::string>& headers,
                      const std::string& body, const std::atomic<bool>& is_ending,
                      const std::string& resolved = {});

}  // namespace muster::alarms
