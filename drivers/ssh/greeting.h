#pragma once

#include <string_view>

namespace muster::drivers::ssh {

/// Finds the line in which a host says its version, "SSH-2.0-…". Lines that it may say before that
/// (RFC 4253, 4.2) are not for libssh2: 1.10 copies each into memory that it has allocated for the
/// first, however long it is. Plain code.
class Greeting {
 public:
  static constexpr std::string_view beginning = "SSH-";

  /// The host's next byte. True: with it the version has begun.
  bool feed(char byte) {
    if (byte == '\n') return matched_ = 0, false;
    if (matched_ < beginning.size() && byte == beginning[matched_])
      return ++matched_ == beginning.size();
    matched_ = beginning.size();  // another line: until its end
    return false;
  }

 private:
  std::size_t matched_ = 0;  ///< of this line
};

}  // namespace muster::drivers::ssh
