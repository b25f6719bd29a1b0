#pragma once

#include <string>
#include <string_view>

namespace muster {

/// A cookie, a password, a token: text that must not be shown. It has no formatter and no
/// conversion; who needs the text says reveal(), and that word is what a reviewer greps for. The
/// memory is wiped when it goes.
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string text) : text_(std::move(text)) {}
  Secret(const Secret&) = default;
  Secret(Secret&&) = default;
  Secret& operator=(const Secret&) = default;
  Secret& operator=(Secret&&) = default;
  ~Secret();

  const std::string& reveal() const { return text_; }
  bool empty() const { return text_.empty(); }
  /// Constant time in the contents.
  friend bool operator==(const Secret& a, const Secret& b);

 private:
  std::string text_;
};

/// Compares without telling by its duration where the difference is.
bool equal_constant_time(std::string_view a, std::string_view b);

}  // namespace muster
