#include "drivers/ssh/off_loop.h"

namespace muster::drivers::ssh {
namespace {

Task<> close_there(std::shared_ptr<Host> host) {
  co_await host->close();
  co_return Result<>{};
}

}  // namespace

Task<CommandResult> OffLoop::run(Command command) {
  auto task = host_->run(std::move(command));
  co_return co_await thread_.run("a command on " + name(), std::move(task));
}

Task<> OffLoop::put(LocalFile file, std::string remote, Progress progress) {
  struct Wanted {  // a caller that is gone hears nothing any more
    std::shared_ptr<bool> flag = std::make_shared<bool>(true);
    ~Wanted() { *flag = false; }
  } wanted;
  auto caller = co_await asio::this_coro::executor;
  auto said = std::make_shared<Progress>(std::move(progress));
  Progress tell = [caller, said, flag = wanted.flag](std::uint64_t done, std::uint64_t total) {
    asio::post(caller, [said, flag, done, total] {
      if (*flag) (*said)(done, total);
    });
  };
  if (!*said) tell = nullptr;
  auto task = host_->put(std::move(file), std::move(remote), std::move(tell));
  co_return co_await thread_.run("an upload to " + name(), std::move(task));
}

asio::awaitable<void> OffLoop::close() {
  auto task = close_there(host_);
  auto closed = co_await thread_.run("close " + name(), std::move(task));
  (void)closed;
}

}  // namespace muster::drivers::ssh
