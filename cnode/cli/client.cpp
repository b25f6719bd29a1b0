#include "cli/client.h"

#include <curl/curl.h>

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

std::size_t append(char* bytes, std::size_t size, std::size_t count, void* to) {
  static_cast<std::string*>(to)->append(bytes, size * count);
  return size * count;
}

/// A daemon on this machine is not reached through a proxy.
bool is_local(const std::string& url) {
  auto host = url.substr(std::min(url.size(), url.find("://") + 3));
  return host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]");
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
  target.url = options.url.empty() ? environment("MUSTER_URL") : options.url;
  if (target.url.empty()) target.url = first_word(data_dir / "api.url");
  if (target.url.empty())
    return Error(Errc::unavailable, "no daemon found: give --url or MUSTER_URL, or start one (" +
                                        (data_dir / "api.url").string() + " is not there)");
  while (target.url.ends_with('/')) target.url.pop_back();
  auto token =
      options.token_file.empty() ? environment("MUSTER_TOKEN") : first_word(options.token_file);
  if (token.empty() && options.token_file.empty()) token = first_word(data_dir / "api.token");
  if (token.empty())
    return Error(
        Errc::unauthorized,
        "no token found: give --token-file or MUSTER_TOKEN (" +
            (options.token_file.empty() ? (data_dir / "api.token").string() : options.token_file) +
            " cannot be read)");
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
  curl_easy_setopt(curl, CURLOPT_TCP_KEEPALIVE, 1L);  // an answer may take an hour
  curl_easy_setopt(curl, CURLOPT_NOPROXY, is_local(target_.url) ? "*" : nullptr);
  if (!target_.ca.empty()) curl_easy_setopt(curl, CURLOPT_CAINFO, target_.ca.c_str());
  auto code = curl_easy_perform(curl);
  if (code != CURLE_OK)
    return Error(Errc::unavailable, target_.url + ": " + (*why ? why : curl_easy_strerror(code)));
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  answer.status = static_cast<int>(status);
  json::error_code ec;
  if (auto value = json::parse(answer.body, ec); !ec) answer.json = std::move(value);
  return answer;
}

Result<json::value> Client::get(const std::string& path) {
  Request request{"GET", path, {}, {}};
  TRY(auto answer, send(request));
  TRYV(succeeded(answer));
  return std::move(answer.json);
}

Result<> succeeded(const Answer& answer) {
  constexpr int first_error = 400;
  if (answer.status < first_error) return {};
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
