#include "drivers/ssh/ssh_host.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>

#include "base/backoff.h"
#include "base/log.h"
#include "base/random.h"
#include "base/timeout.h"
#include "drivers/shell.h"
#include "drivers/ssh/channel.h"

namespace muster::drivers::ssh {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

constexpr auto kAskAfter = 10s, kSilent = 30s, kIdle = 60s;

/// Looks after a connection as long as it is there.
asio::awaitable<void> keep(std::shared_ptr<Session> session) {
  auto last_used = steady_clock::now();
  while (!session->is_lost()) {
    co_await pause(2s);
    const auto now = steady_clock::now();
    if (session->users > 0) last_used = now;
    if (now - last_used > kIdle) {
      libssh2_session_disconnect(session->raw(), "not in use");
      session->fail(Error(Errc::unavailable, "closed as nobody used it"));
    }
    if (session->silence() > kSilent)
      session->fail(Error(Errc::unavailable, "it has not answered for 30 s"));
    else if (session->silence() > kAskAfter)
      session->ask_for_life();
  }
}

/// Counts a job on its session.
class User {
 public:
  explicit User(std::shared_ptr<Session> session) : session_(std::move(session)) {
    ++session_->users;
  }
  User(const User&) = delete;
  User& operator=(const User&) = delete;
  ~User() { --session_->users; }

 private:
  std::shared_ptr<Session> session_;
};

/// sha256sum, or what stands for it elsewhere: one that is missing does not read its input.
constexpr std::string_view kSum =
    "sum() { { sha256sum || shasum -a 256 || openssl dgst -sha256 -r; } "
    "2>/dev/null <\"$1\" | cut -c 1-64; }\n";

}  // namespace

SshHost::SshHost(asio::any_io_executor executor, asio::thread_pool& pool, SshTarget target,
                 Identity identity, KnownHosts& known, Resolver& names, Places& logins)
    : executor_(executor),
      pool_(pool),
      target_(std::move(target)),
      identity_(std::move(identity)),
      known_(known),
      names_(names),
      logins_(logins),
      jobs_(executor) {}

/// Where a job's outcome waits for whoever asked for it.
template <class T>
struct SshHost::Outcome {
  asio::steady_timer done;
  std::optional<Result<T>> result;

  static asio::awaitable<void> settle(std::shared_ptr<Outcome> outcome, Task<T> work) {
    struct Wake {
      Outcome& outcome;
      ~Wake() { outcome.done.cancel(); }
    } wake{*outcome};
    outcome->result.emplace(co_await std::move(work));
  }
};

template <class T>
Task<T> SshHost::as_job(std::string doing, Task<T> work) {
  auto outcome = std::make_shared<Outcome<T>>(
      Outcome<T>{asio::steady_timer(executor_, asio::steady_timer::time_point::max()), {}});
  jobs_.spawn(std::move(doing), Outcome<T>::settle(outcome, std::move(work)));
  auto state = co_await asio::this_coro::cancellation_state;
  if (!outcome->result) {
    auto [ec] = co_await outcome->done.async_wait(asio::as_tuple(asio::use_awaitable));
    if (!outcome->result && state.cancelled() != asio::cancellation_type::none)
      throw boost::system::system_error(ec);
  }
  if (!outcome->result) co_return Error(Errc::unavailable, "the connection is being closed");
  co_return std::move(*outcome->result);
}

Task<std::shared_ptr<Session>> SshHost::connected(Asked asked) {
  if (session_ && !session_->is_lost()) co_return session_;
  auto turn = co_await connecting_.take();
  if (session_ && !session_->is_lost()) co_return session_;
  if (failure_ && failed_at_ > asked) co_return *failure_;
  auto session = co_await connect();
  if (session) {
    session_ = *session;
    failure_.reset();
    jobs_.spawn("look after the connection to " + name(), keep(*session));
  } else {
    failure_ = session.error();
    failed_at_ = steady_clock::now();
  }
  co_return session;
}

Task<std::shared_ptr<Session>> SshHost::log_in_once() {
  auto place = co_await logins_.take(was_mute_);
  auto session = co_await log_in(target_, identity_, known_, names_);
  was_mute_ = !session && session.error().errc() == Errc::timeout;
  co_return session;
}

Task<std::shared_ptr<Session>> SshHost::connect() {
  Backoff backoff(500ms, 4s);
  for (int attempt = 1;; ++attempt) {
    auto session = co_await log_in_once();
    // Silence has taken its time already: whether it is worth another attempt is the caller's.
    if (!session && session.error().errc() == Errc::timeout)
      co_return Error(Errc::unavailable, std::move(session).error().message);
    if (session || session.error().errc() != Errc::unavailable || attempt == 3) co_return session;
    log::debug("{}; trying again", session.error().text());
    co_await pause(backoff.next(random_u32()));
  }
}

Task<CommandResult> SshHost::run(Command command) {
  CO_TRY(auto shell, ShellRun::prepare(std::move(command)));
  const auto asked = steady_clock::now();
  auto slot = co_await channels_.take();
  auto work = run_job(shared_from_this(), std::move(shell), asked, std::move(slot));
  co_return co_await as_job<CommandResult>("a command on " + name(), std::move(work));
}

Task<CommandResult> SshHost::run_job([[maybe_unused]] Self self, ShellRun shell, Asked asked,
                                     [[maybe_unused]] Slots::Held slot) {
  for (int attempt = 1;; ++attempt) {
    CO_TRY(auto session, co_await connected(asked));
    User user(session);
    auto is_sent = std::make_shared<bool>(false);
    auto result = co_await run_in_channel(session, shell, is_sent);
    // A connection that had died unnoticed: nothing has happened yet, so once more.
    if (!result && session->is_lost() && !*is_sent && attempt == 1) {
      asked = steady_clock::now();
      continue;
    }
    if (!result) co_return std::move(result).error().context("host " + name());
    co_return result;
  }
}

Task<> SshHost::upload_job([[maybe_unused]] Self self, Upload job, Asked asked,
                           [[maybe_unused]] Slots::Held slot) {
  CO_TRY(auto session, co_await connected(asked));
  User user(session);
  co_return co_await upload(session, pool_, std::move(job));
}

Task<> SshHost::put(LocalFile file, std::string remote, Progress progress) {
  auto turn = co_await uploads_.take();
  Backoff backoff(500ms, 4s);
  int mismatches = 0;
  for (int attempt = 1;;) {
    auto is_there = co_await put_once(file, remote, progress);
    if (is_there && *is_there) break;
    if (is_there) {
      // What was continued was of something else: once more from its start.
      if (++mismatches > 1)
        co_return Error(Errc::internal, remote + " did not arrive as it was sent");
      continue;
    }
    if (is_there.error().errc() == Errc::conflict || is_there.error().errc() == Errc::quota)
      co_return co_await explain_full_disk(std::move(is_there).error(), file, remote);
    // Lost on the way: what is there already stays there.
    if (is_there.error().errc() != Errc::unavailable || attempt++ == 3)
      co_return std::move(is_there).error();
    co_await pause(backoff.next(random_u32()));
  }
  if (progress) progress(file.size, file.size);
  co_return Result<>{};
}

/// True when the file is there; false when something else was in its place and is gone now.
Task<bool> SshHost::put_once(LocalFile file, std::string remote, Progress progress) {
  const auto path = remote.starts_with('/') ? remote : "./" + remote;
  const auto names = fmt::format("{}p={}\nq=$p.part\ns={}\n", kSum, quote(path), file.size);
  Command look;
  look.limit = 600s;
  // Files of this user's alone, as they are in the daemon's own folder.
  look.script = names + R"sh(umask 077
mkdir -p -- "$(dirname -- "$p")" || exit 1
if [ -f "$p" ] && [ "$(wc -c <"$p")" -eq "$s" ]; then sum "$p"; exit; fi
[ -f "$q" ] || : >"$q" || exit 1
chmod 600 "$q" 2>/dev/null
echo $(($(wc -c <"$q"))))sh";
  CO_TRY(auto seen, co_await expect(std::move(look), "prepare the upload of " + remote));
  if (seen == file.sha256 + "\n") co_return true;
  std::uint64_t from = 0;
  if (seen.size() < 30) std::from_chars(seen.data(), seen.data() + seen.size(), from);

  if (from < file.size) {
    const auto asked = steady_clock::now();
    auto slot = co_await channels_.take();
    struct Wanted {
      std::shared_ptr<bool> flag = std::make_shared<bool>(true);
      ~Wanted() { *flag = false; }
    } wanted;
    Upload job{file, path + ".part", from, std::move(progress), wanted.flag};
    auto work = upload_job(shared_from_this(), std::move(job), asked, std::move(slot));
    CO_TRYV(co_await as_job<void>("an upload to " + name(), std::move(work)));
  }
  Command finish;
  finish.limit = 600s;
  finish.script = names + fmt::format(R"sh(h=$(sum "$q")
if [ "$h" = {} ]; then mv -f -- "$q" "$p"; exit; fi
[ ${{#h}} -eq 64 ] || {{ echo 'no sha256sum, shasum or openssl there to verify the upload with'; exit 1; }}
rm -f -- "$q"
echo other)sh",
                                      file.sha256);
  CO_TRY(auto finished, co_await expect(std::move(finish), "verify the upload of " + remote));
  co_return finished.empty();
}

/// SFTP's answer to a full disk is "failure": ask how full it is.
Task<> SshHost::explain_full_disk(Error error, LocalFile file, std::string remote) {
  Command ask;
  ask.limit = 20s;
  ask.script = fmt::format(
      "cd -- \"$(dirname -- {})\" && df -Pk . | {{ read -r _; read -r _ _ _ f _ && "
      "echo \"$f\"; }}",
      quote(remote.starts_with('/') ? remote : "./" + remote));
  auto answer = co_await run(std::move(ask));
  std::uint64_t kib = 0;
  const bool is_known =
      answer && answer->succeeded() &&
      std::from_chars(answer->output.data(), answer->output.data() + answer->output.size(), kib)
              .ec == std::errc();
  if (error.errc() == Errc::quota || (is_known && kib < 1024))
    co_return Error(
        Errc::quota,
        fmt::format("the disk of {} is full: the file has {} MiB, {} MiB are free. Make "
                    "room and try again ({})",
                    name(), file.size >> 20, kib >> 10, error.message));
  co_return error;
}

asio::awaitable<void> SshHost::close() {
  auto keep_alive = shared_from_this();
  if (session_ && !session_->is_lost()) {
    libssh2_session_disconnect(session_->raw(), "the daemon ends");
    session_->fail(Error(Errc::unavailable, "closed"));
  }
  jobs_.cancel();
  co_await jobs_.join();
  session_.reset();
}

}  // namespace muster::drivers::ssh
