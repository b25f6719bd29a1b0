// muster_farm: thousands of simulated Erlang nodes in one process. See tests/fakes/README.md.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <vector>

#include "answers.h"
#include "epmd.h"
#include "peer.h"
#include "tls.h"

namespace muster::farm {
namespace {

int listen_on(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  socklen_t size = sizeof at;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), size) != 0 || ::listen(fd, 4096) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size) != 0) {
    throw std::runtime_error("cannot listen on port " + std::to_string(port));
  }
  port = ntohs(at.sin_port);
  return fd;
}

/// The event loop: one epoll set, connections by descriptor, a second's share of the ticks every
/// second.
class Farm {
 public:
  /// With an authority, the nodes speak TLS; with a collection, they run our agents.
  /// The last `liars` of them lie; `says_entries`: the others' agents log something, too.
  Farm(unsigned nodes, unsigned liars, bool says_entries, std::uint16_t epmd_port,
       std::string cookie, std::unique_ptr<Authority> authority,
       std::unique_ptr<Collection> collection)
      : first_liar_(nodes - liars + 1),
        has_liars_(liars > 0),
        says_entries_(says_entries),
        cookie_(std::move(cookie)),
        authority_(std::move(authority)),
        collection_(std::move(collection)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    std::uint16_t nodes_port = 0;
    nodes_listener_ = listen_on(nodes_port);
    epmd_listener_ = listen_on(epmd_port);
    table_ = std::make_unique<EpmdTable>(nodes, nodes_port);
    watch(nodes_listener_, EPOLLIN, EPOLL_CTL_ADD);
    watch(epmd_listener_, EPOLLIN, EPOLL_CTL_ADD);
    std::cout << "farm: ready, epmd on port " << epmd_port << ", nodes on port " << nodes_port
              << std::endl;
  }

  void run() {
    constexpr auto second = std::chrono::seconds(1);
    auto next_ticks = std::chrono::steady_clock::now() + second;
    std::vector<epoll_event> events(512);
    while (true) {
      auto left = next_ticks - std::chrono::steady_clock::now();
      if (has_liars_) left = std::min<decltype(left)>(left, std::chrono::milliseconds(100));
      const auto wait =
          std::max<long>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count());
      const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()),
                                     static_cast<int>(wait));
      for (int i = 0; i < count; ++i) handle(events[i]);
      if (has_liars_) act();
      if (std::chrono::steady_clock::now() >= next_ticks) {
        next_ticks += second;
        tick();
        if (collection_) collect();
      }
    }
  }

 private:
  /// A connection to a node (with a peer) or to the epmd (without).
  struct Connection {
    std::unique_ptr<Peer> peer;
    std::unique_ptr<TlsEnd> tls;
    std::string request;  // to the epmd, as far as it has come
    std::string unwritten;
  };

  void watch(int fd, std::uint32_t events, int operation) {
    epoll_event event{};
    event.events = events;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, operation, fd, &event);
  }

  void handle(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == nodes_listener_ || fd == epmd_listener_) return accept_all(fd);
    if (static_cast<std::size_t>(fd) >= connections_.size() || !connections_[fd]) return;
    if (event.events & EPOLLOUT && !flush(fd)) return close(fd);
    if (auto& peer = connections_[fd]->peer; peer && !peer->reads()) {
      watch(fd, EPOLLOUT | EPOLLET, EPOLL_CTL_MOD);  // what comes stays where it is
      return;
    }
    if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !read(fd)) return close(fd);
  }

  void accept_all(int listener) {
    int fd;
    while ((fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
      auto connection = std::make_unique<Connection>();
      if (listener == nodes_listener_) {
        sockaddr_in at{};
        socklen_t size = sizeof at;
        ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &size);
        const auto node = NodeId::at(ntohl(at.sin_addr.s_addr));
        if (node.number == 0) {
          ::close(fd);
          continue;
        }
        connection->peer =
            std::make_unique<Peer>(node, cookie_, authority_ != nullptr, collection_.get());
        if (says_entries_) connection->peer->say_entries();
        if (node.number >= first_liar_) connection->peer->lie();
        if (authority_)
          connection->tls = std::make_unique<TlsEnd>(authority_->end_for(node.address()));
        const int on = 1;
        ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      }
      if (connections_.size() <= static_cast<std::size_t>(fd)) connections_.resize(fd + 1);
      connections_[fd] = std::move(connection);
      watch(fd, EPOLLIN, EPOLL_CTL_ADD);
    }
  }

  bool read(int fd) {
    auto& connection = *connections_[fd];
    static char buffer[65536];
    const auto count = ::read(fd, buffer, sizeof buffer);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (count <= 0) return false;
    const std::string_view bytes(buffer, static_cast<std::size_t>(count));
    if (connection.peer) {
      std::string plain;
      if (connection.tls && !connection.tls->receive(bytes, plain)) return false;
      if (!connection.peer->receive(connection.tls ? plain : bytes)) return false;
      take_output(connection);
      return flush(fd);
    }
    return read_epmd(fd, bytes);
  }

  void take_output(Connection& connection) {
    auto& output = connection.peer->output();
    if (connection.tls) {
      connection.tls->send(output, connection.unwritten);
    } else {
      connection.unwritten += output;
    }
    output.clear();
  }

  bool read_epmd(int fd, std::string_view bytes) {
    auto& connection = *connections_[fd];
    connection.request += bytes;
    if (connection.request.size() < 2) return true;
    const std::size_t length = static_cast<unsigned char>(connection.request[0]) << 8 |
                               static_cast<unsigned char>(connection.request[1]);
    if (connection.request.size() < length + 2) return true;
    bool keeps_open = false;
    connection.unwritten =
        table_->answer(fd, std::string_view(connection.request).substr(2, length), keeps_open);
    connection.request.clear();
    return flush(fd) && keeps_open;
  }

  bool flush(int fd) {
    auto& pending = connections_[fd]->unwritten;
    if (pending.empty()) return true;
    const auto count = ::write(fd, pending.data(), pending.size());
    if (count < 0 && errno != EAGAIN && errno != EINTR) return false;
    if (count > 0) pending.erase(0, static_cast<std::size_t>(count));
    watch(fd, pending.empty() ? EPOLLIN : EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
    return true;
  }

  void close(int fd) {
    table_->forget(fd);
    connections_[fd].reset();
    ::close(fd);
  }

  /// Every node ticks every 15 seconds, as nodes do; each second it is the turn of a fifteenth of
  /// them.
  void tick() {
    ++seconds_;
    for (std::size_t fd = seconds_ % 15; fd < connections_.size(); fd += 15) {
      if (!connections_[fd] || !connections_[fd]->peer) continue;
      connections_[fd]->peer->tick();
      take_output(*connections_[fd]);
      if (!flush(static_cast<int>(fd))) close(static_cast<int>(fd));
    }
  }

  /// The liars' turn, ten times a second.
  void act() {
    const auto now = std::chrono::steady_clock::now();
    if (now < next_act_) return;
    next_act_ = now + std::chrono::milliseconds(100);
    for (std::size_t fd = 0; fd < connections_.size(); ++fd) {
      if (!connections_[fd] || !connections_[fd]->peer || !connections_[fd]->peer->is_liar())
        continue;
      const bool stays = connections_[fd]->peer->act();
      take_output(*connections_[fd]);
      if (!flush(static_cast<int>(fd)) || !stays) close(static_cast<int>(fd));
    }
  }

  void collect() {
    const auto now = std::chrono::steady_clock::now();
    for (std::size_t fd = 0; fd < connections_.size(); ++fd) {
      if (!connections_[fd] || !connections_[fd]->peer) continue;
      connections_[fd]->peer->collect(now);
      take_output(*connections_[fd]);
      if (!flush(static_cast<int>(fd))) close(static_cast<int>(fd));
    }
  }

  unsigned first_liar_;
  bool has_liars_, says_entries_;
  std::chrono::steady_clock::time_point next_act_;
  std::string cookie_;
  std::unique_ptr<Authority> authority_;
  std::unique_ptr<Collection> collection_;
  int epoll_;
  int nodes_listener_;
  int epmd_listener_;
  std::unique_ptr<EpmdTable> table_;
  std::vector<std::unique_ptr<Connection>> connections_;  // by descriptor
  unsigned seconds_ = 0;
};

int main(int argc, char** argv) {
  unsigned nodes = 10000, liars = 0;
  bool says_entries = false;
  std::uint16_t epmd_port = 0;
  std::string cookie_file, certificate, key, collection_file;
  CLI::App app("Thousands of simulated Erlang nodes: f1@127.1.0.1, f2@127.1.0.2, ...");
  app.add_option("--nodes", nodes, "How many")->check(CLI::Range(1, 0xfd0000));
  app.add_option("--epmd-port", epmd_port, "Where their epmd listens; any free port when 0");
  app.add_option("--cookie-file", cookie_file, "A file with their cookie")
      ->required()
      ->check(CLI::ExistingFile);
  app.add_option("--tls-ca", certificate, "TLS: who certifies the nodes, PEM");
  app.add_option("--tls-ca-key", key, "Its key, PEM");
  app.add_option("--collection", collection_file,
                 "A file with {Version, Sample}: every node has agents that send that, varied");
  app.add_option("--liars", liars, "So many of them, the last ones, lie");
  app.add_flag("--entries", says_entries, "With a collection: the nodes log something, too");
  CLI11_PARSE(app, argc, argv);

  std::signal(SIGPIPE, SIG_IGN);
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  if (files.rlim_cur < nodes + 100) {
    std::cerr << "farm: " << nodes << " nodes need as many files, the limit is " << files.rlim_cur
              << "\n";
    return 1;
  }
  std::string cookie;
  std::ifstream(cookie_file) >> cookie;
  std::unique_ptr<Authority> authority;
  if (!certificate.empty()) authority = std::make_unique<Authority>(certificate, key);
  std::unique_ptr<Collection> collection;
  if (!collection_file.empty()) collection = std::make_unique<Collection>(collection_file);
  Farm(nodes, std::min(liars, nodes), says_entries, epmd_port, cookie, std::move(authority),
       std::move(collection))
      .run();
  return 0;
}

}  // namespace
}  // namespace muster::farm

int main(int argc, char** argv) {
  try {
    return muster::farm::main(argc, argv);
  } catch (const std::exception& error) {
    std::cerr << "farm: " << error.what() << "\n";
    return 1;
  }
}
