#pragma once

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ports.h"

namespace muster::test {

/// Says the same to everybody who connects, as fast as it is read and without end; or once, when it
/// has heard something, and hangs up.
class Chatterer {
 public:
  enum class Habit { without_end, once };

  explicit Chatterer(std::string words, Habit habit = Habit::without_end)
      : words_(std::move(words)), habit_(habit) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(port_);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0 ||
        ::listen(listener_, 16) != 0)
      throw std::runtime_error("cannot listen");
    while (habit_ == Habit::without_end && words_.size() < 64 * 1024) words_ += words_;
    accepting_ = std::thread([this] { run(); });
  }
  ~Chatterer() {
    is_ending_ = true;
    accepting_.join();
    ::close(listener_);
  }
  std::uint16_t port() const { return port_; }
  std::uint64_t said() const { return said_; }
  std::uint64_t ended() const { return ended_; }  ///< connections, by either side

 private:
  void run() {
    std::vector<std::thread> talks;
    while (!is_ending_) {
      pollfd asked{listener_, POLLIN, 0};
      if (::poll(&asked, 1, 50) != 1) continue;
      auto peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (habit_ == Habit::once)
        answer(peer);
      else
        talks.emplace_back([this, peer] { talk(peer); });
    }
    for (auto& one : talks) one.join();
  }
  void answer(int peer) {
    pollfd asked{peer, POLLIN, 0};
    ::poll(&asked, 1, 1000);
    char heard[1024];
    ::recv(peer, heard, sizeof heard, MSG_DONTWAIT);
    ::send(peer, words_.data(), words_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    end(peer);
  }
  void talk(int peer) {
    while (!is_ending_) {
      pollfd asked{peer, POLLOUT, 0};
      if (::poll(&asked, 1, 50) != 1) continue;
      auto sent = ::send(peer, words_.data(), words_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno != EAGAIN) break;
      if (sent > 0) said_ += static_cast<std::uint64_t>(sent);
    }
    end(peer);
  }
  void end(int peer) {
    ::close(peer);
    ++ended_;
  }

  std::string words_;
  const Habit habit_;
  std::uint16_t port_ = free_port();
  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::atomic<bool> is_ending_ = false;
  std::atomic<std::uint64_t> said_ = 0, ended_ = 0;
  std::thread accepting_;
};

}  // namespace muster::test
