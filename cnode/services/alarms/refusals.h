#pragma once

#include <optional>

namespace muster::alarms {

/// How often in a row a webhook's receiver has refused a letter: answered 4xx, so that it has
/// understood and does not want it. No answer, 5xx, 3xx and 404 (what stands before a receiver that
/// is being started says these), 408 and 429 are no refusals: those are tried without end. Plain
/// code; one per webhook.
class Refusals {
 public:
  static constexpr int most = 8;

  /// What one more attempt came to; nothing where there was no answer. True: the letter has been
  /// refused often enough.
  bool note(std::optional<int> status) {
    bool is_refused = status && *status >= 400 && *status < 500 && *status != 404 &&
                      *status != 408 && *status != 429;
    count_ = is_refused ? count_ + 1 : 0;
    if (count_ < most) return false;
    count_ = 0;
    return true;
  }

 private:
  int count_ = 0;
};

}  // namespace muster::alarms
