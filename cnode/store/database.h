#pragma once

#include <boost/asio/associated_executor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>

#include "base/histogram.h"
#include "store/connection.h"

namespace muster::store {

/// The daemon's SQLite file (write-ahead log, synchronous=FULL: what was answered survives a power
/// cut). A thread of its own runs all jobs, so the loop never waits for a disk. Writes that queue
/// up while a commit is under way share the next one: each job runs in a savepoint of its own, a
/// job that fails undoes itself alone, and all are answered after the common COMMIT. A COMMIT that
/// fails (full disk) fails all of them, and so does a job in which SQLite gives the transaction up.
/// Writes go before reads that wait, and after each commit one read has its turn: a write waits for
/// one read at most. Writes keep their order among themselves, and so do reads.
/// Owned by app; write() and read() are called on the loop. A caller that is cancelled waits for
/// its job: what was written is written. Jobs get a Connection, touch nothing else of the loop's,
/// and return a Result.
class Database {
 public:
  /// Opens `file`, makes it where it is missing (mode 0600) and brings it to the newest schema.
  /// Errors: unsupported, where a newer Muster has written it; unavailable, internal.
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file);
  /// For tests: nothing on disk.
  static Result<std::unique_ptr<Database>> open_in_memory();
  ~Database();
  Database(const Database&) = delete;

  /// `auto job = [...](Connection& db) -> Result<T> {…}; CO_TRY(auto x, co_await
  /// database.write(job));`
  template <class Job, class R = std::invoke_result_t<Job&, Connection&>>
  asio::awaitable<R> write(Job job) {
    return submit<R>(std::move(job), true);
  }
  /// The same for a job that changes nothing.
  template <class Job, class R = std::invoke_result_t<Job&, Connection&>>
  asio::awaitable<R> read(Job job) {
    return submit<R>(std::move(job), false);
  }

  struct Load {
    std::size_t waiting = 0;     ///< jobs
    Histogram waited;            ///< before a job began
    std::uint64_t failures = 0;  ///< commits, for instance of a full disk
  };
  /// From any thread.
  Load load() const;

 private:
  /// A job with its type forgotten.
  struct Work {
    std::chrono::steady_clock::time_point since = std::chrono::steady_clock::now();
    bool is_write = false;
    std::function<Result<>(Connection&)> run;
    std::function<void(Result<>)> done;  ///< runs on the worker; posts to the caller's executor
  };

  explicit Database(Connection connection);
  void enqueue(Work work);
  void work();
  void run_batch(std::vector<Work>& batch);

  template <class R, class Job>
  asio::awaitable<R> submit(Job job, bool is_write) {
    std::optional<R> result;
    auto start = [&](auto handler) {
      using Handler = decltype(handler);
      auto shared = std::make_shared<Handler>(std::move(handler));
      Work work;
      work.is_write = is_write;
      work.run = [&](Connection& db) -> Result<> {
        result.emplace(job(db));
        if (!*result) return result->error();
        return {};
      };
      work.done = [&result, shared](Result<> outcome) {
        if (!outcome && (!result || *result)) result.emplace(outcome.error());
        auto executor = asio::get_associated_executor(*shared);
        asio::post(executor, [shared] { std::move (*shared)(); });
      };
      enqueue(std::move(work));
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(start,
                                                                         asio::use_awaitable);
    co_return std::move(*result);
  }

  Connection connection_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Work> writes_, reads_;
  Load load_;
  bool is_ending_ = false;
  std::thread thread_;
};

}  // namespace muster::store
