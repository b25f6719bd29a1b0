#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "base/result.h"

namespace muster::ops {

/// Bytes that come in pieces: an upload as it arrives.
/// The door owns it for the time of one call; it lives on the loop.
class BodySource {
 public:
  virtual ~BodySource() = default;
  /// The next piece, empty at the end. Errors: what ends the upload early (too_large, timeout,
  /// unavailable when the sender went away).
  virtual Task<std::string> next() = 0;
  /// How many bytes will come in all, where the sender said so.
  virtual std::optional<std::uint64_t> size() const = 0;
};

/// Bytes given inside a request: base64 text in JSON, a binary in Erlang. Kept in pieces so that
/// hundreds of MiB are neither doubled nor moved while they arrive.
struct Blob {
  std::deque<std::string> pieces;

  std::uint64_t size() const;
};

/// A Blob given out piece by piece; a piece is freed when it has been taken.
class BlobSource final : public BodySource {
 public:
  explicit BlobSource(Blob blob) : blob_(std::move(blob)), size_(blob_.size()) {}
  Task<std::string> next() override;
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  Blob blob_;
  std::uint64_t size_;
};

}  // namespace muster::ops
