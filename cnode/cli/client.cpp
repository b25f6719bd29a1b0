#include "cli/client.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <boost/asio/ip/address.hpp>
#include <boost/url.hpp>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace muster::cli {
namespace {

std::string environment(const char* name) {
  auto* value = std::getenv(name);
  return value ? value : "";
}

std::string first_word(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string word;
  in >> word;
  return word;
}

constexpr std::size_t longest_answer_mib = 256;

/// Taking nothing makes curl give up.
std::size_t append(char* bytes, std::size_t size, std::size_t count, void* to) {
  auto& body = *static_cast<std::string*>(to);
  if (size * count > (longest_answer_mib << 20) - body.size()) return 0;
  body.append(bytes, size * count);
  return size * count;
}

/// Where a URL leads. Read as strictly as RFC 3986 has it: curl must not find another host in it.
struct Place {
  bool is_https = false, is_loopback = false;
  std::string port;
};

Result<Place> place_of(const std::string& text) {
  auto url = boost::urls::parse_uri(text);
  if (!url || (url->scheme() != "http" && url->scheme() != "https") || url->host().empty() ||
      url->has_userinfo() || url->has_query() || url->has_fragment())
    return Error(Errc::bad_request, "'" + text + "' must be http://HOST:PORT or https://HOST:PORT");
  Place place;
  place.is_https = url->scheme() == "https";
  place.port = url->has_port() && !url->port().empty() ? std::string(url->port())
               : place.is_https                        ? "443"
                                                       : "80";
  boost::system::error_code ec;
  auto address = asio::ip::make_address(std::string(url->host_address()), ec);
  place.is_loopback = ec ? url->host() == "localhost" : address.is_loopback();
  return place;
}

/// Whether a URL is the daemon's that left `own` in its data directory.
bool is_own(const std::string& url, const std::string& own) {
  if (own.empty()) return false;
  if (url == own) return true;
  auto given = place_of(url), left = place_of(own);
  return given && left && given->is_loopback && given->port == left->port;
}

/// A daemon holds the lock of its data directory for as long as it lives. Without one, whoever
/// listens at the address that it has left is somebody else.
bool has_daemon(const std::filesystem::path& data_dir) {
  int lock = ::open((data_dir / "lock").c_str(), O_RDONLY | O_CLOEXEC);
  if (lock < 0) return false;
  bool is_held = ::flock(lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
  ::close(lock);
  return is_held;
}

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

Errc errc_named(std::string_view name) {
  for (auto code :
       {Errc::bad_request, Errc::unauthorized, Errc::forbidden, Errc::not_found, Errc::conflict,
        Errc::quota, Errc::too_large, Errc::timeout, Errc::unavailable, Errc::unsupported})
    if (name_of(code) == name) return code;
  return Errc::internal;
}

}  // namespace

Result<Target> find_target(const TargetOptions& options,
                           const std::filesystem::path& default_data_dir) {
  Target target;
  target.ca = options.ca;
  std::filesystem::path data_dir =
      options.data_dir.empty() ? default_data_dir : std::filesystem::path(options.data_dir);
  auto own_url = first_word(data_dir / "api.url");
  target.url = options.url.empty() ? environment("MUSTER_URL") : options.url;
  if (target.url.empty()) target.url = own_url;
  if (target.url.empty())
    return Error(Errc::unavailable, "no daemon found: give --url or MUSTER_URL, or start one (" +
                                        (data_dir / "api.url").string() + " is not there)");
  while (target.url.ends_with('/')) target.url.pop_back();
  TRY(auto place, place_of(target.url));
  auto token =
      options.token_file.empty() ? environment("MUSTER_TOKEN") : first_word(options.token_file);
  auto own_token = data_dir / "api.token";
  if (token.empty() && options.token_file.empty()) {
    if (!is_own(target.url, own_url))
      return Error(Errc::unauthorized, "no token for " + target.url +
                                           ": give --token-file or MUSTER_TOKEN (the one in " +
                                           own_token.string() + " is for the local daemon only)");
    if (!has_daemon(data_dir))
      return Error(Errc::unavailable, "no daemon works in " + data_dir.string() +
                                          " now: start it, or give --url and --token-file of "
                                          "another");
    token = first_word(own_token);
  }
  if (token.empty())
    return Error(Errc::unauthorized,
                 "no token found: give --token-file or MUSTER_TOKEN (" +
                     (options.token_file.empty() ? own_token.string() : options.token_file) +
                     " cannot be read)");
  if (!place.is_https && !place.is_loopback && !options.is_insecure)
    return Error(Errc::forbidden, "the token would go to " + target.url +
                                      " without encryption: use https, or --insecure where nobody "
                                      "listens in between");
  target.token = Secret(std::move(token));
  return target;
}

Client::Client(Target target)
    : target_(std::move(target)), curl_(curl_easy_init(), &curl_easy_cleanup) {}

Client::~Client() = default;

Result<Answer> Client::send(const Request& request) {
  auto* curl = curl_.get();
  curl_easy_reset(curl);
  Answer answer;
  char why[CURL_ERROR_SIZE] = "";
  auto url = target_.url + request.target;
  std::unique_ptr<curl_slist, void (*)(curl_slist*)> headers(nullptr, &curl_slist_free_all);
  auto add = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  add("Authorization: Bearer " + target_.token.reveal());
  std::unique_ptr<std::FILE, CloseFile> file;
  if (request.upload) {
    file.reset(std::fopen(request.upload->c_str(), "rb"));
    std::error_code ec;
    auto size = std::filesystem::file_size(*request.upload, ec);
    if (!file || ec) return Error(Errc::bad_request, "cannot read " + request.upload->string());
    curl_easy_setopt(curl, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(curl, CURLOPT_READDATA, file.get());
    curl_easy_setopt(curl, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(size));
    add("Content-Type: application/octet-stream");
  } else if (request.body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, request.body->data());
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE,
                     static_cast<curl_off_t>(request.body->size()));
    add("Content-Type: application/json");
  }
  curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, request.verb.c_str());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &append);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer.body);
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);   // an answer may take an hour
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);  // the token is for this daemon
  // A daemon on this machine is not reached through a proxy.
  auto place = place_of(target_.url);
  curl_easy_setopt(curl, CURLOPT_NOPROXY, place && place->is_loopback ? "*" : nullptr);
  if (!target_.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, target_.ca.c_str());
  auto code = curl_easy_perform(curl);
  if (code == CURLE_WRITE_ERROR)
    return Error(Errc::internal, fmt::format("{}: the answer is larger than {} MiB", target_.url,
                                             longest_answer_mib));
  if (code != CURLE_OK)
    return Error(Errc::unavailable, target_.url + ": " + (*why ? why : curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  json::error_code ec;
  auto value = json::parse(answer.body, ec);
  answer.is_json = !ec;
  if (answer.is_json) answer.json = std::move(value);
  return answer;
}

Result<json::value> Client::get(const std::string& path) {
  Request request{"GET", path, {}, {}};
  TRY(auto answer, send(request));
  TRYV(succeeded(answer));
  return std::move(answer.json);
}

Result<> succeeded(const Answer& answer) {
  constexpr int no_content = 204;
  bool is_success = answer.status >= 200 && answer.status < 300;
  if (is_success && (answer.is_json || answer.status == no_content)) return {};
  if (is_success)
    return Error(Errc::internal,
                 fmt::format("HTTP status {}, but the answer cannot be read: it is no "
                             "JSON, or no text",
                             answer.status));
  auto text = [&](const char* name) {
    auto* object = answer.json.if_object();
    auto* value = object ? object->if_contains(name) : nullptr;
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  auto detail = text("detail");
  if (detail.empty()) detail = fmt::format("HTTP status {}", answer.status);
  return Error(errc_named(text("code")), std::move(detail), text("field"));
}

int exit_code_of(Errc code) {
  switch (code) {
    case Errc::bad_request:
    case Errc::too_large:
      return 2;
    case Errc::unauthorized:
    case Errc::forbidden:
      return 3;
    case Errc::not_found:
      return 4;
    case Errc::conflict:
    case Errc::quota:
      return 5;
    case Errc::timeout:
    case Errc::unavailable:
      return 6;
    default:
      return 1;
  }
}

}  // namespace muster::cli
