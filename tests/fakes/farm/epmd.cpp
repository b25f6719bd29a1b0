#include "epmd.h"

#include <charconv>

namespace muster::farm {
namespace {

void put16(std::string& out, std::size_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value);
}

std::string entry(const std::string& description, const std::string& name) {
  std::string reply{'w', 0};  // PORT2_RESP, found
  reply += description;
  put16(reply, name.size());
  reply += name;
  put16(reply, 0);
  return reply;
}

}  // namespace

std::string EpmdTable::answer(int connection, std::string_view request, bool& keeps_open) {
  if (request.size() > 1 && request[0] == 'z') return look_up(std::string(request.substr(1)));
  constexpr std::size_t fixed = 9;  // port, type, protocol, highest, lowest
  if (request.size() < fixed + 3 || request[0] != 'x') return {};
  const std::size_t length = static_cast<unsigned char>(request[fixed]) << 8 |
                             static_cast<unsigned char>(request[fixed + 1]);
  registered_[connection] = {std::string(request.substr(fixed + 2, length)),
                             std::string(request.substr(1, fixed - 1))};
  keeps_open = true;
  std::string reply{'v', 0};  // ALIVE2_X_RESP, done
  ++creation_;
  put16(reply, creation_ >> 16);
  put16(reply, creation_ & 0xffff);
  return reply;
}

std::string EpmdTable::look_up(const std::string& name) const {
  for (const auto& [connection, other] : registered_) {
    if (other.name == name) return entry(other.description, name);
  }
  unsigned number = 0;
  const auto* end = name.data() + name.size();
  const bool is_ours = name.size() > 1 && name[0] == 'f' &&
                       std::from_chars(name.data() + 1, end, number).ptr == end && number >= 1 &&
                       number <= nodes_;
  if (!is_ours) return std::string{'w', 1};
  std::string description;
  put16(description, port_);
  description += {'M', 0, 0, 6, 0, 5};  // a visible node over TCP, protocol versions 5 to 6
  return entry(description, name);
}

}  // namespace muster::farm
