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
  if (ec) return SystemLookUp::error_of(host, ec);
  SystemLookUp::Addresses addresses;
  for (auto& entry : found) addresses.push_back(entry.endpoint().address());
  if (addresses.empty()) return SystemLookUp::error_of(host, asio::error::no_data);
  return addresses;
}

void spawn_thread(std::function<void()> work) {
  std::thread(std::move(work)).detach();
}

}  // namespace

/// Not asio::thread_pool, whose end waits for what its threads are doing.
class SystemLookUp::Threads : public std::enable_shared_from_this<Threads> {
 public:
  Threads(asio::any_io_executor executor, Ask ask, Spawn spawn, std::size_t most)
      : executor_(std::move(executor)),
        ask_(std::move(ask)),
        spawn_(std::move(spawn)),
        most_(most) {}

  void begin(std::string host, Done done) {
    std::lock_guard lock(mutex_);
    waiting_.emplace_back(++last_, std::move(host));
    asked_.emplace(last_, std::move(done));
    if (idle_ < waiting_.size() && count_ < most_) add();
    if (count_ == 0) give_up();
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
      spawn_([self = shared_from_this()] { self->work(); });
    } catch (const std::system_error&) {
      --count_;  // the others do it
    }
  }

  /// Nobody is there to ask: the next that is begun tries again.
  void give_up() {
    for (auto& [number, host] : waiting_)
      answer(number, Error(Errc::timeout, "no answer about the host " + host + ": no thread"));
    waiting_.clear();
  }

  /// False where nobody asks any more.
  bool answer(Number number, Result<Addresses> found) {
    auto asked = asked_.extract(number);
    if (!asked) return false;
    auto tell = [done = std::move(asked.mapped()), found = std::move(found)]() mutable {
      done(std::move(found));
    };
    asio::post(executor_, std::move(tell));
    return true;
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
      if (!answer(number, std::move(found))) return;  // ended
    }
  }

  asio::any_io_executor executor_;
  Ask ask_;
  Spawn spawn_;
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

SystemLookUp::SystemLookUp(asio::any_io_executor executor, const Ask& ask)
    : SystemLookUp(std::move(executor), ask, spawn_thread) {}

SystemLookUp::SystemLookUp(asio::any_io_executor executor, const Ask& ask, const Spawn& spawn)
    : fresh_(std::make_shared<Threads>(executor, ask, spawn, 64U)),
      known_(std::make_shared<Threads>(executor, ask, spawn, 4U)),
      silent_(std::make_shared<Threads>(executor, ask, spawn, 16U)) {}

SystemLookUp::~SystemLookUp() {
  for (auto* threads : {&fresh_, &known_, &silent_}) (*threads)->end();
}

void SystemLookUp::begin(const std::string& host, HostIs last, Done done) {
  auto& threads = last == HostIs::silent ? silent_ : last == HostIs::known ? known_ : fresh_;
  threads->begin(host, std::move(done));
}

Error SystemLookUp::error_of(const std::string& host, const boost::system::error_code& ec) {
  if (ec == asio::error::host_not_found || ec == asio::error::no_data)
    return Error(Errc::not_found, "the host " + host + " is unknown");
  auto text = "no answer about the host " + host;
  if (ec != asio::error::host_not_found_try_again) text += ": " + ec.message();
  return Error(Errc::timeout, std::move(text));
}

}  // namespace muster
