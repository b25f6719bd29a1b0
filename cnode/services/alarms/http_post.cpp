#include "services/alarms/http_post.h"

#include <curl/curl.h>
#include <netinet/in.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sys/socket.h>

#include <array>
#include <cstring>
#include <memory>
#include <mutex>

#include "base/sha256.h"
#include "services/alarms/forbidden_address.h"

namespace muster::alarms {

namespace {

constexpr long connect_limit_ms = 5000, whole_limit_ms = 10000;

std::size_t ignore(char*, std::size_t size, std::size_t count, void*) {
  return size * count;
}

int go_on(void* is_ending, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<const std::atomic<bool>*>(is_ending)->load() ? 1 : 0;
}

struct Guard {
  std::string refused;  ///< the address that a connection was not made to
};

/// Whatever the host's name led to: what is connected to is what is judged, so that a name server
/// that answers otherwise now than before does not help.
curl_socket_t open_socket(void* guard, curlsocktype, curl_sockaddr* to) {
  asio::ip::address address;
  if (to->family == AF_INET) {
    auto& v4 = *reinterpret_cast<const sockaddr_in*>(&to->addr);
    address = asio::ip::address_v4(ntohl(v4.sin_addr.s_addr));
  } else if (to->family == AF_INET6) {
    asio::ip::address_v6::bytes_type bytes;
    auto& v6 = *reinterpret_cast<const sockaddr_in6*>(&to->addr);
    std::memcpy(bytes.data(), &v6.sin6_addr, bytes.size());
    address = asio::ip::address_v6(bytes);
  } else {
    return CURL_SOCKET_BAD;
  }
  if (is_forbidden_address(address)) {
    static_cast<Guard*>(guard)->refused = address.to_string();
    return CURL_SOCKET_BAD;
  }
  return ::socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

void initialise() {
  static std::once_flag once;
  std::call_once(once, [] { curl_global_init(CURL_GLOBAL_DEFAULT); });
}

}  // namespace

std::string signature(const Secret& secret, std::string_view body) {
  std::array<std::uint8_t, 32> digest{};
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.reveal().data(), static_cast<int>(secret.reveal().size()),
       reinterpret_cast<const unsigned char*>(body.data()), body.size(), digest.data(), &length);
  return "sha256=" + to_hex(digest);
}

Result<int> http_post(const std::string& url, const std::vector<std::string>& headers,
                      const std::string& body, const std::atomic<bool>& is_ending,
                      const std::string& resolved) {
  initialise();
  std::unique_ptr<CURL, void (*)(CURL*)> curl(curl_easy_init(), &curl_easy_cleanup);
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> list(nullptr, &curl_slist_free_all);
  for (auto& line : headers) list.reset(curl_slist_append(list.release(), line.c_str()));
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> names(nullptr, &curl_slist_free_all);
  if (!resolved.empty()) names.reset(curl_slist_append(nullptr, resolved.c_str()));
  char trouble[CURL_ERROR_SIZE] = "";
  auto* c = curl.get();
  curl_easy_setopt(c, CURLOPT_URL, url.c_str());
  curl_easy_setopt(c, CURLOPT_RESOLVE, names.get());
  curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(c, CURLOPT_HTTPHEADER, list.get());
  curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.data());
  curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
  curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, &ignore);
  curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, connect_limit_ms);
  curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, whole_limit_ms);
  curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, &go_on);
  curl_easy_setopt(c, CURLOPT_XFERINFODATA, const_cast<std::atomic<bool>*>(&is_ending));
  curl_easy_setopt(c, CURLOPT_ERRORBUFFER, trouble);
  Guard guard;
  curl_easy_setopt(c, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
  curl_easy_setopt(c, CURLOPT_OPENSOCKETDATA, &guard);
  curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L);
  auto code = curl_easy_perform(c);
  if (code != CURLE_OK && !guard.refused.empty())
    return Error(
        Errc::forbidden,
        guard.refused + " is link-local, or a cloud's metadata service: no webhook goes there");
  if (code != CURLE_OK)
    return Error(Errc::unavailable, *trouble ? trouble : curl_easy_strerror(code));
  long status = 0;
  curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

}  // namespace muster::alarms
