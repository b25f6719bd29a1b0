#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/result.h"

namespace muster::dist {

/// A frame of megabytes as it arrives: in one piece, and never copied. It has its address space
/// from the beginning, which costs nothing, and memory as its bytes come. Owned by the link that
/// reads it, afterwards by whoever keeps what it says; belongs to no thread.
class LargeFrame {
 public:
  static constexpr std::size_t least = 1 << 20;  ///< bytes: for a shorter one a string will do
  static constexpr std::size_t step = 1 << 20;   ///< in which memory is asked for

  /// For a frame of so many bytes, none of which has come. Error: unavailable.
  static Result<std::unique_ptr<LargeFrame>> expect(std::size_t size);
  ~LargeFrame();
  LargeFrame(const LargeFrame&) = delete;
  LargeFrame& operator=(const LargeFrame&) = delete;

  /// Takes what is this frame's from the front of `bytes`. Error: unavailable.
  Result<> take(std::string_view& bytes);
  bool is_whole() const { return arrived_ == size_; }
  std::string_view bytes() const { return {data_, arrived_}; }  ///< stays where it is
  std::size_t held() const { return arrived_; }                 ///< bytes of memory

  /// Gives back the end of what has come, so that hundreds of megabytes need no long turn. False:
  /// nothing is left.
  bool give_back(std::size_t most);

 private:
  LargeFrame(char* data, std::size_t size) : data_(data), size_(size) {}

  char* data_;
  std::size_t size_, arrived_ = 0, usable_ = 0;
};

}  // namespace muster::dist
