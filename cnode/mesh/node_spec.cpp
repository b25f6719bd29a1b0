#include "mesh/node_spec.h"

#include <algorithm>
#include <boost/describe/enum_to_string.hpp>

namespace muster::mesh {

Result<> check_cookie(std::string_view cookie, const std::string& field) {
  auto is_good = [](char c) { return c > ' ' && c <= '~'; };
  if (cookie.empty() || cookie.size() > 255 || !std::all_of(cookie.begin(), cookie.end(), is_good))
    return Error(Errc::bad_request,
                 "a cookie has 1 to 255 printable ASCII characters without blanks", field);
  return {};
}

std::string_view name_of(DownReason reason) {
  return boost::describe::enum_to_string(reason, "down");
}

}  // namespace muster::mesh
