#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace muster {

/// One amount of memory for everything that outsiders make the daemon hold: bodies as they arrive,
/// answers to slow readers, frames in arrival, queues. Who holds it are accounts ("token:ci",
/// "10.0.0.7", a node), each with its holders (connections, links).
///
/// Where a claim does not fit, the greediest account pays: if that is the claimant, the claim is
/// refused; else the greediest holder of the greediest account is told to go (its `evict`), and its
/// bytes count as leaving until it has given them back. An account that holds little (`small`) is
/// admitted also when the budget is spent; one that holds next to nothing (`tiny`) is never told to
/// go. `slack` bounds what is over the limit for either reason.
///
/// Plain decisions, no I/O. A claim costs O(log accounts that are not tiny). Made by app, outlives
/// its holders; lives on the loop.
class Budget {
  struct Account;

 public:
  static constexpr std::uint64_t small = 64 * 1024, tiny = 16 * 1024;

  class Holder;
  class Claim;

  /// Somebody got less than it wanted.
  struct Loss {
    std::string_view who;        ///< the account
    std::uint64_t held, wanted;  ///< bytes; `wanted` is 0 where a holder was told to go
    bool is_of_share = false;    ///< it is more than one may hold, whatever is free
  };

  explicit Budget(std::uint64_t limit) : limit_(limit) {}
  Budget(const Budget&) = delete;
  ~Budget();

  void on_loss(std::function<void(const Loss&)> told) { told_ = std::move(told); }

  std::uint64_t limit() const { return limit_; }
  std::uint64_t held() const { return held_; }
  std::uint64_t refused() const { return refused_; }         ///< claims
  std::uint64_t evicted() const { return evicted_; }         ///< holders
  std::size_t accounts() const { return accounts_.size(); }  ///< that hold something

 private:
  using Order = std::set<std::pair<std::uint64_t, Account*>>;  ///< of those that are not tiny
  struct Account {
    std::string name;
    std::uint64_t held = 0;      ///< without what is leaving
    std::list<Holder*> holders;  ///< that hold something, the longest first
    Order::iterator place;       ///< valid while it is not tiny
  };

  bool take(Holder& holder, std::uint64_t bytes, unsigned share);
  void give_back(Holder& holder, std::uint64_t bytes);
  void evict(Account& account);
  bool refuse(Holder& holder, std::uint64_t bytes, bool is_of_share = false);
  Account& open(std::string_view name);
  void enter(Holder& holder);
  void leave(Holder& holder);
  void set(Account& account, std::uint64_t held);
  std::uint64_t slack() const { return limit_ / 8; }

  std::uint64_t limit_, held_ = 0, leaving_ = 0, refused_ = 0, evicted_ = 0;
  std::unordered_map<std::string_view, std::unique_ptr<Account>> accounts_;
  Order order_;
  std::function<void(const Loss&)> told_ = [](auto&) {};
};

/// One connection, link or queue that claims. `evict` ends it soon: it must not destroy the Holder
/// from within the call. Without a budget (null) everything is granted and nothing counted.
class Budget::Holder {
 public:
  Holder(Budget* budget, std::string account, std::function<void()> evict);
  Holder(const Holder&) = delete;
  ~Holder();

  /// It has shown who it is: from now on it counts there.
  void move_to(std::string_view account);
  /// All or nothing. `share`: with it this may hold that part of the whole budget, a half for 2.
  bool take(std::uint64_t bytes, unsigned share = 1) {
    return !budget_ || bytes == 0 || budget_->take(*this, bytes, share);
  }
  void give_back(std::uint64_t bytes) {
    if (budget_ && bytes > 0) budget_->give_back(*this, bytes);
  }
  std::uint64_t held() const { return held_; }
  bool is_leaving() const { return is_leaving_; }

 private:
  friend class Budget;
  Budget* budget_;
  std::string name_;
  Account* account_ = nullptr;  ///< while it holds something
  std::list<Holder*>::iterator place_;
  std::function<void()> evict_;
  std::uint64_t held_ = 0;
  bool is_leaving_ = false;
};

/// A part of what a holder holds; given back with this object. The holder must outlive it.
class Budget::Claim {
 public:
  Claim() = default;
  explicit Claim(Holder& holder) : holder_(&holder) {}
  Claim(Claim&& other) noexcept
      : holder_(std::exchange(other.holder_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
  Claim& operator=(Claim&& other) noexcept {
    std::swap(holder_, other.holder_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  ~Claim() {
    if (holder_) holder_->give_back(bytes_);
  }

  /// From now on so many bytes in all; `share` as in take(). False: refused, and it stays as it
  /// was. Less is always granted.
  bool set(std::uint64_t bytes, unsigned share = 1) {
    if (!holder_ || bytes == bytes_) return true;
    if (bytes > bytes_) {
      if (!holder_->take(bytes - bytes_, share)) return false;
    } else {
      holder_->give_back(bytes_ - bytes);
    }
    bytes_ = bytes;
    return true;
  }
  bool add(std::uint64_t bytes) { return set(bytes_ + bytes); }
  std::uint64_t bytes() const { return bytes_; }

 private:
  Holder* holder_ = nullptr;
  std::uint64_t bytes_ = 0;
};

}  // namespace muster
