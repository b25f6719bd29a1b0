#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>

namespace muster::dist {

/// The challenges that this node has given: to whoever dials it, and to whoever it dials. Who does
/// not know the cookie could show one of them back on another connection and pass our answer on, so
/// the dialler answers none of them. Those that wait for their answer are all known (Limits bounds
/// the connections); of those that do not any more, the last of the last minute, though nobody can
/// use them. Plain data; shared by the handshakes under way.
class Challenges {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr auto remembered = std::chrono::minutes(1);
  static constexpr std::size_t most_remembered = 4096;

  /// A challenge for as long as it waits for its answer.
  class Given {
   public:
    Given() = default;
    Given(std::shared_ptr<Challenges> owner, std::uint32_t challenge);
    Given(Given&& other) noexcept;
    Given& operator=(Given&& other) noexcept;
    ~Given() { end(Clock::now()); }
    std::uint32_t challenge() const { return challenge_; }
    void end(Clock::time_point now);

   private:
    std::shared_ptr<Challenges> owner_;
    std::uint32_t challenge_ = 0;
  };

  bool is_ours(std::uint32_t challenge, Clock::time_point now);

 private:
  struct Past {
    Clock::time_point ended;
    std::uint32_t challenge;
  };
  void forget(Clock::time_point now);

  std::unordered_map<std::uint32_t, int> known_;  ///< how often each waits or is past
  std::deque<Past> past_;                         ///< oldest first
};

}  // namespace muster::dist
