#include "dist/challenges.h"

#include <utility>

namespace muster::dist {

Challenges::Given::Given(std::shared_ptr<Challenges> owner, std::uint32_t challenge)
    : owner_(std::move(owner)), challenge_(challenge) {
  ++owner_->known_[challenge_];
}

Challenges::Given::Given(Given&& other) noexcept
    : owner_(std::move(other.owner_)), challenge_(other.challenge_) {}

Challenges::Given& Challenges::Given::operator=(Given&& other) noexcept {
  end(Clock::now());
  owner_ = std::move(other.owner_);
  challenge_ = other.challenge_;
  return *this;
}

void Challenges::Given::end(Clock::time_point now) {
  auto owner = std::exchange(owner_, nullptr);
  if (!owner) return;
  owner->past_.push_back({now, challenge_});
  owner->forget(now);
}

void Challenges::forget(Clock::time_point now) {
  while (!past_.empty() &&
         (past_.size() > most_remembered || now - past_.front().ended > remembered)) {
    auto known = known_.find(past_.front().challenge);
    if (--known->second == 0) known_.erase(known);
    past_.pop_front();
  }
}

bool Challenges::is_ours(std::uint32_t challenge, Clock::time_point now) {
  forget(now);
  return known_.contains(challenge);
}

}  // namespace muster::dist
