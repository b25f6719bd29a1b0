#include "doors/dist/calls.h"

#include <fmt/format.h>

#include <vector>

#include "etf/weight.h"

namespace muster::doors::dist {

Calls::Entry::Entry(std::shared_ptr<ByLink> every, const Link& link)
    : all(std::move(every)), of(all->try_emplace(&link).first) {
  place = of->second.insert(of->second.end(), this);
}

Calls::Entry::~Entry() {
  of->second.erase(place);
  if (of->second.empty()) all->erase(of);
}

Result<Calls::Running> Calls::begin(Link& link, const etf::Term& arguments) {
  constexpr std::size_t frames = 8 * 1024;  // of its coroutines, and what they know of it
  constexpr unsigned half = 2;  // the rest is for the link, which is to carry the answers
  auto others = by_link_->find(&link);
  if (others != by_link_->end() && others->second.size() >= most)
    return Error(
        Errc::unavailable,
        fmt::format("{} calls of {} run already: wait for their answers", most, link.peer()));
  Running call(link);
  if (!call.claim_.set(frames + etf::weight(arguments), half))
    return Error(Errc::unavailable,
                 "what runs for this node and waits for it takes half of the memory that there is "
                 "for all: try again later");
  call.entry_ = std::make_shared<Entry>(by_link_, link);
  return call;
}

void Calls::link_down(const std::shared_ptr<Link>& link, muster::dist::LinkError) {
  auto found = by_link_->find(link.get());
  if (found == by_link_->end()) return;
  std::vector<TaskGroup::Cancel> cancels;
  for (auto* each : found->second)
    if (each->cancel) cancels.push_back(each->cancel);
  for (auto& cancel : cancels) cancel();
}

asio::awaitable<void> Calls::stop() {
  running_.cancel();
  co_await running_.join();
}

}  // namespace muster::doors::dist
