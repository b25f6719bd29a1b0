#pragma once

#include <algorithm>
#include <array>

namespace muster::alarms {

/// Whether a webhook's receiver has answered that it has understood a letter and does not want it:
/// 4xx, but those that are not about the letter. 401, 403, 404 and 407 are what a receiver says
/// that is not set up or hides behind a proxy, 408, 425 and 429 ask for the same letter later.
/// Whatever else is no 2xx, and no answer at all, is an outage, too.
constexpr bool is_refusal(int status) {
  constexpr std::array outages{401, 403, 404, 407, 408, 425, 429};
  return status >= 400 && status < 500 &&
         std::find(outages.begin(), outages.end(), status) == outages.end();
}

}  // namespace muster::alarms
