#pragma once

namespace muster::alarms {

/// Whether a webhook's receiver has answered that it has understood a letter and does not want it:
/// 4xx, but 408, 425 and 429, which ask for the same letter later. Whatever else is no 2xx, and no
/// answer at all, is an outage.
constexpr bool is_refusal(int status) {
  return status >= 400 && status < 500 && status != 408 && status != 425 && status != 429;
}

}  // namespace muster::alarms
