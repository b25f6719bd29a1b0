#include "drivers/ssh/channel.h"

#include <fmt/format.h>

#include <chrono>

#include "base/timeout.h"

namespace muster::drivers::ssh {
namespace {

using std::chrono::steady_clock;

/// What any login shell understands. The script, and so all that is secret, comes through stdin.
constexpr std::string_view kShell = "exec /bin/sh";

/// A channel that is open. Closing waits for the host, so it is not the destructor's business: a
/// channel that was not closed goes with its session.
class Channel {
 public:
  explicit Channel(std::shared_ptr<Session> session) : session_(std::move(session)) {}

  Task<> open() {
    auto turn = co_await session_->opening.take();
    auto attempt = [this]() -> long {
      raw_ = libssh2_channel_open_session(session_->raw());
      return raw_ != nullptr ? 0 : libssh2_session_last_errno(session_->raw());
    };
    if (co_await session_->perform(attempt) != 0) co_return session_->reason("open a channel");
    libssh2_channel_handle_extended_data2(raw_, LIBSSH2_CHANNEL_EXTENDED_DATA_MERGE);
    co_return Result<>{};
  }

  Task<> start(std::string command) {
    auto attempt = [&]() -> long {
      return libssh2_channel_process_startup(raw_, "exec", 4, command.data(),
                                             static_cast<unsigned>(command.size()));
    };
    if (co_await session_->perform(attempt) != 0) co_return session_->reason("start a shell");
    co_return Result<>{};
  }

  /// Gives up without an error when the shell ends before it has read all: its end says why.
  Task<> write(ShellRun& shell, std::string bytes) {
    constexpr std::size_t piece = 256 * 1024;
    constexpr long is_over = -10'000;  // none of libssh2's codes
    for (std::size_t at = 0; at < bytes.size();) {
      auto attempt = [&]() -> long {
        const auto count =
            libssh2_channel_write(raw_, bytes.data() + at, std::min(piece, bytes.size() - at));
        if (count != 0 && count != LIBSSH2_ERROR_EAGAIN) return static_cast<long>(count);
        // libssh2 waits for a full window although the other side has closed; so look.
        if (libssh2_channel_window_write(raw_) > 0) return LIBSSH2_ERROR_EAGAIN;
        const auto heard = libssh2_channel_read(raw_, buffer_.data(), buffer_.size());
        if (heard == LIBSSH2_ERROR_EAGAIN) return LIBSSH2_ERROR_EAGAIN;
        if (heard <= 0 || shell.feed({buffer_.data(), static_cast<std::size_t>(heard)}))
          return is_over;
        return LIBSSH2_ERROR_EAGAIN;
      };
      const long count = co_await session_->perform(attempt);
      if (session_->is_lost()) co_return session_->reason("send a command");
      if (count < 0) co_return Result<>{};
      at += static_cast<std::size_t>(count);
    }
    auto attempt = [this]() -> long { return libssh2_channel_send_eof(raw_); };
    co_await session_->perform(attempt);
    co_return Result<>{};
  }

  /// Until the shell has told its end, or closed.
  Task<> read(ShellRun& shell) {
    while (!shell.has_ended()) {
      auto attempt = [this]() -> long {
        return libssh2_channel_read(raw_, buffer_.data(), buffer_.size());
      };
      const long count = co_await session_->perform(attempt);
      if (session_->is_lost()) co_return session_->reason("wait for a command");
      if (count <= 0 || shell.feed({buffer_.data(), static_cast<std::size_t>(count)})) break;
    }
    co_return Result<>{};
  }

  Task<> close() {
    auto attempt = [this]() -> long { return libssh2_channel_free(raw_); };
    co_await session_->perform(attempt);
    co_return Result<>{};
  }

 private:
  std::shared_ptr<Session> session_;
  LIBSSH2_CHANNEL* raw_ = nullptr;
  std::string buffer_ = std::string(32 * 1024, '\0');
};

Task<> talk(Channel& channel, ShellRun& shell, std::string text) {
  CO_TRYV(co_await channel.write(shell, std::move(text)));
  co_return co_await channel.read(shell);
}

}  // namespace

Task<CommandResult> run_in_channel(std::shared_ptr<Session> session, ShellRun shell,
                                   std::shared_ptr<bool> is_sent) {
  Channel channel(session);
  CO_TRYV(co_await channel.open());
  CO_TRYV(co_await channel.start(std::string(kShell)));
  const auto started = steady_clock::now();
  *is_sent = true;
  auto text = shell.text();
  // The wrapper ends it at its limit; this is for one that was stopped or cannot be heard.
  const auto limit = shell.limit() + std::chrono::seconds(15);
  auto talked = co_await with_timeout(talk(channel, shell, std::move(text)), limit, "a command");
  const auto duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started);
  if (session->is_lost()) co_return session->reason("run a command");
  auto closed = co_await with_timeout(channel.close(), std::chrono::seconds(10), "close a channel");
  if (!closed) session->fail(Error(Errc::unavailable, "the host does not close channels"));
  if (!talked) co_return std::move(talked).error();
  co_return shell.finish(duration);
}

}  // namespace muster::drivers::ssh
