#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace muster::farm {

/// An epmd for the farm's nodes, and for whoever else registers, without its sockets.
class EpmdTable {
 public:
  EpmdTable(unsigned nodes, std::uint16_t port) : nodes_(nodes), port_(port) {}

  /// The reply to one request (without its length), empty for what is not understood. A
  /// registration is remembered under `connection`, and `keeps_open` set.
  std::string answer(int connection, std::string_view request, bool& keeps_open);

  void forget(int connection) { registered_.erase(connection); }

 private:
  struct Entry {
    std::string name;
    std::string description;  // port, type, protocol and versions, as registered and as looked up
  };

  std::string look_up(const std::string& name) const;

  unsigned nodes_;
  std::uint16_t port_;
  std::uint32_t creation_ = 1000;
  std::map<int, Entry> registered_;
};

}  // namespace muster::farm
