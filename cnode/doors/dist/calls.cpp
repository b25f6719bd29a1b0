#include "doors/dist/calls.h"

#include <fmt/format.h>

#include <vector>

#include "base/turn.h"
#include "etf/encode.h"
#include "etf/weight.h"
#include "ops/replies.h"
#include "ops/term_pieces.h"

namespace muster::doors::dist {
namespace {

constexpr unsigned half = 2;  ///< of a peer's part; the rest is for its link, which carries answers

std::string encoded(const Error& error) {
  std::string out;
  etf::encode(ops::error_term(error), out);
  return out;
}

}  // namespace

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

asio::awaitable<std::string> Calls::answer(const ops::Operation& operation, etf::Term arguments,
                                           ops::Caller caller, Running& call) {
  constexpr std::size_t piece = 64 * 1024;
  auto who = caller.name;
  auto task = operation.answer(std::move(arguments), std::move(caller));
  auto reply = co_await std::move(task);
  if (!reply) co_return encoded(reply.error());
  std::string out("h\x02");
  etf::encode(etf::atom("ok"), out);
  ops::TermPieces pieces(std::move(reply->value), *reply->type);
  if (!pieces.next(out, piece)) co_return out;
  if (!call.claim_.set(call.claim_.bytes() + 2 * pieces.weight(), half))
    co_return encoded(
        Error(Errc::unavailable,
              "the answer is too large for the memory that is left: ask for less at once"));
  auto slot = co_await encoding_.take(who);
  Turn turn;
  while (pieces.next(out, piece))
    if (turn.is_over()) co_await next_turn(turn);
  co_return out;
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
