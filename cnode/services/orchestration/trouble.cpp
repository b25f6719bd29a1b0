#include "services/orchestration/trouble.h"

#include <fmt/format.h>

namespace muster::orchestration {
namespace {

constexpr std::size_t kOutput = 4096;

std::string remedy_of(Errc code) {
  switch (code) {
    case Errc::unavailable:
    case Errc::timeout:
      return "see that the host can be reached, then retry";
    case Errc::unauthorized:
    case Errc::forbidden:
      return "let the daemon's key in on the host (GET /api/orch/ssh_key), then retry";
    case Errc::not_found:
      return "see what is missing on the host or in the provider, then retry";
    default:
      return "mend what the message says, then retry";
  }
}

}  // namespace

Trouble trouble_of(const Error& error, std::string_view doing) {
  auto copy = error;
  auto message = std::move(copy).context(doing).text();
  return {{std::move(message), "", remedy_of(error.errc())}, error.errc() == Errc::unavailable};
}

Trouble trouble_of(const drivers::CommandResult& result, std::string_view doing,
                   std::string remedy) {
  auto output = drivers::last_lines(result.output, kOutput);
  return {{fmt::format("{}: {}", doing, result.how()), std::move(output), std::move(remedy)},
          false};
}

}  // namespace muster::orchestration
