#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace muster::test {

/// A TCP port that nobody has at this loopback address and no other test gets. It is none of those
/// that the system gives to outgoing connections: one of them could take it meanwhile.
std::uint16_t free_port(const std::string& address = "127.0.0.1");

/// True when something accepts connections there.
bool accepts(const std::string& address, std::uint16_t port);

/// Asks until it is true or the time is over; false then.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace muster::test
