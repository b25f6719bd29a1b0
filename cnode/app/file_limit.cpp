#include "app/file_limit.h"

#include <fmt/format.h>
#include <sys/resource.h>

namespace muster::app {

std::string raise_file_limit(std::size_t expected_nodes) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return {};
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  constexpr std::size_t own = 256;  // databases, listeners, REST clients, SSH connections
  auto wanted = expected_nodes + own;
  if (limit.rlim_cur >= wanted) return {};
  return fmt::format(
      "this process may open {} files, {} nodes want {}: raise the hard limit "
      "(LimitNOFILE= in the systemd unit, or ulimit -Hn)",
      limit.rlim_cur, expected_nodes, wanted);
}

}  // namespace muster::app
