#include "base/task_group.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

#include "base/log.h"

namespace muster {
namespace {

void report(const std::string& name, std::exception_ptr thrown) {
  try {
    if (thrown) std::rethrow_exception(thrown);
  } catch (const boost::system::system_error& e) {
    if (e.code() != asio::error::operation_aborted) log::error("{} ended: {}", name, e.what());
  } catch (const std::exception& e) {
    log::error("{} ended: {}", name, e.what());
  }
}

}  // namespace

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(std::move(executor)), state_(std::make_shared<State>(executor_)) {}

TaskGroup::~TaskGroup() {
  cancel();
}

TaskGroup::Cancel TaskGroup::spawn(std::string name, asio::awaitable<void> coroutine) {
  auto signal = std::make_shared<Signal>();
  auto place = state_->running.insert(state_->running.end(), signal);
  auto ended = [state = state_, place, name = std::move(name)](std::exception_ptr thrown) {
    report(name, thrown);
    state->running.erase(place);
    if (state->running.empty()) state->drained.cancel();
  };
  asio::co_spawn(executor_, std::move(coroutine),
                 asio::bind_cancellation_slot(signal->slot(), std::move(ended)));
  return [weak = std::weak_ptr<Signal>(signal)] {
    if (auto running = weak.lock()) running->emit(asio::cancellation_type::all);
  };
}

void TaskGroup::cancel() {
  // Emitting may end coroutines of the group at once, so the list is not walked meanwhile.
  std::vector<std::shared_ptr<Signal>> signals(state_->running.begin(), state_->running.end());
  for (auto& signal : signals) signal->emit(asio::cancellation_type::all);
}

asio::awaitable<void> TaskGroup::join() {
  auto keep = state_;
  while (!keep->running.empty()) {
    auto [ec] = co_await keep->drained.async_wait(asio::as_tuple(asio::use_awaitable));
    (void)ec;
  }
}

}  // namespace muster
