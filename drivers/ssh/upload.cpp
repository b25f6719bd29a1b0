#include <fmt/format.h>
#include <libssh2_sftp.h>

#include <boost/asio/post.hpp>
#include <cerrno>
#include <fstream>

#include "base/offload.h"
#include "base/timeout.h"
#include "drivers/ssh/channel.h"

namespace muster::drivers::ssh {
namespace {

/// On the way at a time: libssh2 cuts it into packets and sends them all before it waits for the
/// first answer.
constexpr std::size_t kWindow = 1 << 20;

/// For one step of an upload, on a connection that is alive: its disk may be slow.
constexpr auto kPatience = std::chrono::seconds(60);

/// The local file, read ahead by the pool.
class Source {
 public:
  Source(const LocalFile& file, std::uint64_t from, asio::thread_pool& pool)
      : in_(file.path, std::ios::binary),
        left_(file.size - std::min(from, file.size)),
        pool_(pool) {
    in_.seekg(static_cast<std::streamoff>(from));
  }

  std::string_view window() const { return std::string_view(bytes_).substr(at_); }
  void drop(std::size_t count) { at_ += count; }

  /// Fills up to a whole window, or to the end of the file.
  Task<> fill() {
    if (left_ == 0 || window().size() > kWindow / 2) co_return Result<>{};
    bytes_.erase(0, at_);
    at_ = 0;
    const auto before = bytes_.size();
    const auto wanted = std::min<std::uint64_t>(left_, kWindow - before);
    bytes_.resize(before + wanted);
    auto read = [&]() -> Result<> {
      in_.read(bytes_.data() + before, static_cast<std::streamsize>(wanted));
      if (static_cast<std::uint64_t>(in_.gcount()) == wanted) return {};
      return Error(Errc::internal, "the file to be sent is shorter than it was");
    };
    CO_TRYV(co_await offload(pool_, read));
    left_ -= wanted;
    co_return Result<>{};
  }

 private:
  std::ifstream in_;
  std::uint64_t left_;
  asio::thread_pool& pool_;
  std::string bytes_;
  std::size_t at_ = 0;
};

/// SFTP on a channel of its own; close() or abandon() before it goes.
class Sftp {
 public:
  explicit Sftp(std::shared_ptr<Session> session) : session_(std::move(session)) {}
  Sftp(const Sftp&) = delete;
  Sftp& operator=(const Sftp&) = delete;
  /// A session frees its channels, but not the files of an SFTP server; when it is lost, freeing
  /// them does not wait.
  ~Sftp() {
    if (raw_ == nullptr || !session_->is_lost()) return;
    if (handle_ != nullptr) libssh2_sftp_close_handle(handle_);
    libssh2_sftp_shutdown(raw_);
  }

  Task<> open(std::string name, std::uint64_t from) {
    {
      auto turn = co_await session_->opening.take();
      auto attempt = [this]() -> long {
        raw_ = libssh2_sftp_init(session_->raw());
        return raw_ != nullptr ? 0 : libssh2_session_last_errno(session_->raw());
      };
      if (co_await session_->perform(attempt) != 0)
        co_return session_->reason("start SFTP (does sshd_config have the sftp subsystem?)");
    }
    auto attempt = [&]() -> long {
      handle_ =
          libssh2_sftp_open_ex(raw_, name.data(), static_cast<unsigned>(name.size()),
                               LIBSSH2_FXF_WRITE | LIBSSH2_FXF_CREAT, 0600, LIBSSH2_SFTP_OPENFILE);
      return handle_ != nullptr ? 0 : libssh2_session_last_errno(session_->raw());
    };
    const long code = co_await session_->perform(attempt);
    if (code != 0) co_return error(code, "create " + name);
    libssh2_sftp_seek64(handle_, from);
    co_return Result<>{};
  }

  /// How many bytes from the front of `window` are safely there.
  Task<std::size_t> write(std::string_view window) {
    auto attempt = [&]() -> long {
      const auto count = libssh2_sftp_write(handle_, window.data(), window.size());
      return count == 0 ? LIBSSH2_ERROR_EAGAIN : static_cast<long>(count);
    };
    const long count = co_await session_->perform(attempt);
    if (count < 0) co_return error(count, "write");
    co_return static_cast<std::size_t>(count);
  }

  Task<> close() {
    auto finish = [this]() -> long {
      return handle_ == nullptr ? 0 : libssh2_sftp_close_handle(handle_);
    };
    const long code = co_await session_->perform(finish);
    Result<> result;
    if (code != 0) result = error(code, "close the file");
    co_await shut_down();
    co_return result;
  }

  /// After an error: libssh2 forgets the packets that it had begun to send, also one that is half
  /// sent, so there is no talking to the server any more. After EOF, closing the file frees it
  /// only.
  Task<> abandon() {
    if (raw_ == nullptr) co_return Result<>{};
    auto send_eof = [this]() -> long {
      return libssh2_channel_send_eof(libssh2_sftp_get_channel(raw_));
    };
    co_await session_->perform(send_eof);
    auto forget = [this]() -> long {
      const int code = handle_ == nullptr ? 0 : libssh2_sftp_close_handle(handle_);
      return code == LIBSSH2_ERROR_EAGAIN ? code : 0;
    };
    co_await session_->perform(forget);
    co_await shut_down();
    co_return Result<>{};
  }

 private:
  asio::awaitable<void> shut_down() {
    auto attempt = [this]() -> long { return libssh2_sftp_shutdown(raw_); };
    co_await session_->perform(attempt);
    raw_ = nullptr;
    handle_ = nullptr;
  }

  Error error(long code, const std::string& doing) const {
    auto failed = session_->reason(doing);
    if (session_->is_lost() || code != LIBSSH2_ERROR_SFTP_PROTOCOL) return failed;
    switch (const auto status = libssh2_sftp_last_error(raw_)) {
      case LIBSSH2_FX_NO_SPACE_ON_FILESYSTEM:
      case LIBSSH2_FX_QUOTA_EXCEEDED:
        return Error(Errc::quota, failed.message);
      case LIBSSH2_FX_PERMISSION_DENIED:
        return Error(Errc::conflict, failed.message + ": permission denied");
      default:
        return Error(Errc::conflict, fmt::format("{} (status {})", failed.message, status));
    }
  }

  std::shared_ptr<Session> session_;
  LIBSSH2_SFTP* raw_ = nullptr;
  LIBSSH2_SFTP_HANDLE* handle_ = nullptr;
};

Task<> send_all(Sftp& sftp, asio::thread_pool& pool, Upload& job) {
  CO_TRYV(co_await sftp.open(job.part, job.from));
  Source source(job.file, job.from, pool);
  auto done = job.from;
  while (*job.is_wanted) {
    CO_TRYV(co_await source.fill());
    if (source.window().empty()) break;
    CO_TRY(const auto count,
           co_await with_timeout(sftp.write(source.window()), kPatience, "send a file"));
    source.drop(count);
    done += count;
    if (job.progress && *job.is_wanted) job.progress(done, job.file.size);
    // Others have their turn, however fast this goes.
    co_await asio::post(co_await asio::this_coro::executor, asio::use_awaitable);
  }
  co_return Result<>{};
}

}  // namespace

Task<> upload(std::shared_ptr<Session> session, asio::thread_pool& pool, Upload job) {
  Sftp sftp(session);
  auto sent = co_await send_all(sftp, pool, job);
  if (session->is_lost()) co_return session->reason("upload " + job.part);
  auto ending = sent ? sftp.close() : sftp.abandon();
  auto closed = co_await with_timeout(std::move(ending), kPatience, "end the upload");
  if (!closed && closed.error().errc() == Errc::timeout)
    session->fail(Error(Errc::unavailable, "its SFTP server is stuck"));
  if (!sent) co_return sent;
  co_return closed;
}

}  // namespace muster::drivers::ssh
