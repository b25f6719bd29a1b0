#pragma once

#include <boost/system/error_code.hpp>

#include "base/error.h"
#include "base/histogram.h"

namespace muster::ops {

/// How often an operation was called, how that ended and how long it took. Owned by its Operation;
/// lives on the loop.
struct Tally {
  std::uint64_t ok = 0;
  std::uint64_t refused = 0;    ///< the caller's fault: forbidden, bad_request, not_found, …
  std::uint64_t failed = 0;     ///< ours or another's: timeout, unavailable, internal
  std::uint64_t cancelled = 0;  ///< the caller went away, or waited long enough
  Histogram took;

  std::uint64_t all() const { return ok + refused + failed + cancelled; }
};

/// One call on its way. What ends without a word was cancelled.
class Counted {
 public:
  explicit Counted(Tally& tally) : tally_(&tally), began_(std::chrono::steady_clock::now()) {}
  Counted(const Counted&) = delete;
  ~Counted() {
    ++*place_of_end();
    tally_->took.add(std::chrono::steady_clock::now() - began_);
  }
  void ended_well() { is_ok_ = true; }
  void ended(const Error& error) {
    auto errc = error.errc();
    bool is_ours = errc == Errc::timeout || errc == Errc::unavailable || errc == Errc::internal;
    (is_ours ? is_failed_ : is_refused_) = true;
  }

 private:
  std::uint64_t* place_of_end() {
    if (is_ok_) return &tally_->ok;
    if (is_refused_) return &tally_->refused;
    return is_failed_ ? &tally_->failed : &tally_->cancelled;
  }

  Tally* tally_;
  std::chrono::steady_clock::time_point began_;
  bool is_ok_ = false, is_refused_ = false, is_failed_ = false;
};

}  // namespace muster::ops
