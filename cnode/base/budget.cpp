#include "base/budget.h"

#include <algorithm>

namespace muster {

Budget::~Budget() = default;

bool Budget::take(Holder& holder, std::uint64_t bytes, unsigned share) {
  if (holder.is_leaving_) return refuse(holder, bytes);
  if (holder.held_ + bytes > limit_ / share) return refuse(holder, bytes, true);
  if (!holder.account_) enter(holder);
  auto& own = *holder.account_;
  while (held_ - std::min(leaving_, slack()) + bytes > limit_) {
    bool is_small = own.held + bytes <= small;
    if (is_small && held_ + bytes <= limit_ + slack()) break;
    if (order_.empty() || leaving_ > slack()) return refuse(holder, bytes);
    auto& greediest = *order_.rbegin()->second;
    if (own.held + bytes >= greediest.held) return refuse(holder, bytes);
    evict(greediest);
  }
  held_ += bytes;
  holder.held_ += bytes;
  set(own, own.held + bytes);
  return true;
}

void Budget::give_back(Holder& holder, std::uint64_t bytes) {
  held_ -= bytes;
  holder.held_ -= bytes;
  if (holder.is_leaving_) {
    leaving_ -= bytes;
  } else {
    set(*holder.account_, holder.account_->held - bytes);
  }
  if (holder.held_ == 0) leave(holder);
}

bool Budget::refuse(Holder& holder, std::uint64_t bytes, bool is_of_share) {
  ++refused_;
  told_({holder.name_, holder.account_ ? holder.account_->held : 0, bytes, is_of_share});
  if (holder.account_ && holder.held_ == 0) leave(holder);
  return false;
}

void Budget::evict(Account& account) {
  Holder* greediest = nullptr;
  for (auto* each : account.holders)
    if (!each->is_leaving_ && (!greediest || each->held_ > greediest->held_)) greediest = each;
  ++evicted_;
  told_({account.name, greediest->held_, 0, false});
  greediest->is_leaving_ = true;
  leaving_ += greediest->held_;
  set(account, account.held - greediest->held_);
  greediest->evict_();
}

void Budget::set(Account& account, std::uint64_t held) {
  bool was_ordered = account.held > tiny, is_ordered = held > tiny;
  account.held = held;
  if (was_ordered && is_ordered) {
    auto node = order_.extract(account.place);  // moved, not made anew
    node.value().first = held;
    account.place = order_.insert(std::move(node)).position;
  } else if (was_ordered) {
    order_.erase(account.place);
  } else if (is_ordered) {
    account.place = order_.emplace(held, &account).first;
  }
}

Budget::Account& Budget::open(std::string_view name) {
  if (auto found = accounts_.find(name); found != accounts_.end()) return *found->second;
  auto account = std::make_unique<Account>();
  account->name = name;
  auto& opened = *account;
  accounts_.emplace(opened.name, std::move(account));
  return opened;
}

void Budget::enter(Holder& holder) {
  auto& account = open(holder.name_);
  holder.account_ = &account;
  holder.place_ = account.holders.insert(account.holders.end(), &holder);
  if (!holder.is_leaving_) set(account, account.held + holder.held_);
}

void Budget::leave(Holder& holder) {
  auto& account = *std::exchange(holder.account_, nullptr);
  account.holders.erase(holder.place_);
  if (!holder.is_leaving_) set(account, account.held - holder.held_);
  if (account.holders.empty()) accounts_.erase(accounts_.find(account.name));
}

Budget::Holder::Holder(Budget* budget, std::string account, std::function<void()> evict)
    : budget_(budget), name_(std::move(account)), evict_(std::move(evict)) {}

Budget::Holder::~Holder() {
  give_back(held_);
}

void Budget::Holder::move_to(std::string_view account) {
  if (!budget_ || account == name_) return;
  if (account_) budget_->leave(*this);
  name_ = account;
  if (held_ > 0) budget_->enter(*this);
}

}  // namespace muster
