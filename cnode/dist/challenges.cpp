#include "dist/challenges.h"

#include <algorithm>
#include <utility>

namespace muster::dist {

Challenges::Given::Given(std::shared_ptr<Challenges> owner, std::uint32_t challenge)
    : owner_(std::move(owner)), challenge_(challenge) {
  ++owner_->waiting_[challenge_];
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
  auto waiting = owner->waiting_.find(challenge_);
  if (--waiting->second == 0) owner->waiting_.erase(waiting);
  auto& past = owner->past_;
  past.push_back({now, challenge_});
  while (past.size() > most_remembered || now - past.front().ended > remembered) past.pop_front();
}

bool Challenges::is_ours(std::uint32_t challenge, Clock::time_point now) const {
  if (waiting_.contains(challenge)) return true;
  return std::any_of(past_.begin(), past_.end(), [&](const Past& past) {
    return past.challenge == challenge && now - past.ended <= remembered;
  });
}

}  // namespace muster::dist
