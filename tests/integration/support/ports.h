#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

namespace muster::test {

/// A TCP port nobody listens on at this loopback address, and that no other call of this process
/// got.
std::uint16_t free_port(const std::string& address = "127.0.0.1");

/// True when something accepts connections there.
bool accepts(const std::string& address, std::uint16_t port);

/// Asks until it is true or the time is over; false then.
bool eventually(const std::function<bool()>& condition,
                std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace muster::test
