#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/secret.h"
#include "cli/arguments.h"

namespace muster::cli {

/// Which daemon, and as whom.
struct Target {
  std::string url;  ///< "http://127.0.0.1:8080"
  Secret token;
  std::string ca;  ///< file with the certificates that an HTTPS daemon's is checked against
};

/// What was given on the command line and what is around it.
struct TargetOptions {
  std::string url, token_file, data_dir, ca;
  bool is_insecure = false;  ///< a token may go to another host in clear
};

/// --url and --token-file, else MUSTER_URL and MUSTER_TOKEN, else what the daemon left in its data
/// directory (api.url, api.token). The token that was found there is for that daemon alone: the URL
/// in api.url, or another name of this host with its port. Errors: unavailable, unauthorized,
/// saying what was looked for; forbidden, where a token would go to another host without
/// encryption.
Result<Target> find_target(const TargetOptions& options,
                           const std::filesystem::path& default_data_dir);

struct Answer {
  int status = 0;
  std::string body;
  json::value json;  ///< null where the body is no JSON
  bool is_json = false;
};

/// Talks to the daemon, one request at a time, over one kept connection. Blocks: the command line
/// has nothing else to do. Errors: unavailable, where there is no answer.
class Client {
 public:
  explicit Client(Target target);
  ~Client();

  Result<Answer> send(const Request& request);
  /// send(), and an Error for an answer that is one.
  Result<json::value> get(const std::string& path);

 private:
  Target target_;
  std::unique_ptr<void, void (*)(void*)> curl_;
};

/// The Error that a problem document carries; nothing for success. What is neither (a redirect,
/// which is not followed, or an answer that cannot be read) is an error, too.
Result<> succeeded(const Answer& answer);
/// For the shell: README.md has the list.
int exit_code_of(Errc code);

}  // namespace muster::cli
