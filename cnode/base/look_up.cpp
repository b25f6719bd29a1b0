#include "base/look_up.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <system_error>
#include <thread>
#include <unordered_map>

namespace muster {
namespace {

Result<SystemLookUp::Addresses> ask_system(const std::string& host) {
  asio::io_context none;
  boost::system::error_code ec;
  auto found = asio::ip::tcp::resolver(none).resolve(host, "", ec);
  if (ec == asio::error::host_not_found_try_again)
    return Error(Errc::timeout, "no answer about the host " + host);
  SystemLookUp::Addresses addresses;
  for (auto& entry : found) addresses.push_back(entry.endpoint().address());
  if (ec || addresses.empty()) return Error(Errc::not_found, "the host " + host + " is unknown");
  return addresses;
}

}  // namespace

/// Not asio::thread_pool, whose end waits for what its threads are doing.
class SystemLookUp::Threads : public std::enable_shared_from_this<Threads> {
 public:
  Threads(asio::any_io_executor executor, Ask ask, std::size_t most)
      : executor_(std::move(executor)), ask_(std::move(ask)), most_(most) {}

  void begin(std::string host, Done done) {
    std::lock_guard lock(mutex_);
    waiting_.emplace_back(++last_, std::move(host));
    asked_.emplace(last_, std::move(done));
    if (idle_ < waiting_.size() && count_ < most_) add();
    changed_.notify_one();
  }

  /// On the executor: what those who ask have given ends here, and not on a thread.
  void end() {
    std::lock_guard lock(mutex_);
    is_ended_ = true;
    asked_.clear();
    changed_.notify_all();
  }

 private:
  using Number = std::uint64_t;

  void add() {
    ++count_;
    try {
      std::thread([self = shared_from_this()] { self->work(); }).detach();
    } catch (const std::system_error&) {
      --count_;  // the others do it, or the next that is asked for tries again
    }
  }

  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      changed_.wait(lock, [this] { return is_ended_ || !waiting_.empty(); });
      --idle_;
      if (is_ended_) return;
      auto [number, host] = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      auto found = ask_(host);
      lock.lock();
      auto asked = asked_.extract(number);
      if (!asked) return;  // ended
      auto answer = [done = std::move(asked.mapped()), found = std::move(found)]() mutable {
        done(std::move(found));
      };
      asio::post(executor_, std::move(answer));
    }
  }

  asio::any_io_executor executor_;
  Ask ask_;
  const std::size_t most_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<Number, std::string>> waiting_;
  std::unordered_map<Number, Done> asked_;
  Number last_ = 0;
  std::size_t count_ = 0, idle_ = 0;
  bool is_ended_ = false;
};

SystemLookUp::SystemLookUp(asio::any_io_executor executor)
    : SystemLookUp(std::move(executor), ask_system) {}

SystemLookUp::SystemLookUp(asio::any_io_executor executor, Ask ask)
    : known_(std::make_shared<Threads>(executor, ask, 4U)),
      others_(std::make_shared<Threads>(executor, ask, 16U)) {}

SystemLookUp::~SystemLookUp() {
  known_->end();
  others_->end();
}

void SystemLookUp::begin(const std::string& host, bool is_known, Done done) {
  (is_known ? known_ : others_)->begin(host, std::move(done));
}

}  // namespace muster
