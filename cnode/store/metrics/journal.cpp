#include "store/metrics/journal.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/crc.hpp>
#include <charconv>
#include <cstring>
#include <fstream>
#include <limits>
#include <vector>

#include "base/log.h"
#include "store/metrics/bytes.h"

namespace muster::store {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t segment_size = 16 << 20;
constexpr std::uint64_t header_size = 16;  // length, CRC, sequence

std::uint32_t checksum(std::string_view bytes) {
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

Error system_error(const fs::path& file) {
  return Error(Errc::unavailable, fmt::format("{}: {}", file.string(), std::strerror(errno)));
}

bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    auto count = ::write(fd, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

}  // namespace

Journal::~Journal() {
  close();
}

void Journal::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Result<> Journal::replay(const Entry& entry) {
  std::error_code ec;
  for (auto& file : fs::directory_iterator(folder_, ec)) {
    auto name = file.path().filename().string();
    Segment segment{file.path(), 0, 0, 0, std::numeric_limits<std::int64_t>::max()};
    auto end = name.data() + name.size();
    auto [at, bad] = std::from_chars(name.data(), end, segment.number);
    if (bad == std::errc() && std::string_view(at, end) == ".journal")
      segments_.push_back(std::move(segment));
  }
  if (ec) return Error(Errc::unavailable, folder_.string() + ": " + ec.message());
  std::sort(segments_.begin(), segments_.end(),
            [](auto& a, auto& b) { return a.number < b.number; });
  auto found = std::exchange(segments_, {});
  for (auto& segment : found) {
    segments_.push_back(segment);
    next_number_ = segment.number + 1;
    TRYV(read(segments_.back(), entry));
  }
  return {};
}

Result<> Journal::read(Segment& segment, const Entry& entry) {
  std::ifstream in(segment.file, std::ios::binary);
  if (!in) return system_error(segment.file);
  std::string bytes((std::istreambuf_iterator<char>(in)), {});
  segment.bytes = bytes.size();
  ByteReader reader(bytes);
  while (reader.left() >= header_size) {
    auto length = reader.fixed(4), crc = reader.fixed(4);
    auto body = reader.take(length);
    if (!reader.is_good() || body.size() < 8 || checksum(body) != crc) break;
    ByteReader sequence(body.substr(0, 8));
    segment.last_sequence = sequence.fixed();
    entry(segment.last_sequence, body.substr(8));
    if (reader.left() == 0) return {};
  }
  if (!bytes.empty())
    log::warn("{}: its end is torn or damaged and is left out", segment.file.string());
  return {};
}

Result<> Journal::begin() {
  close();
  Segment segment{folder_ / fmt::format("{:08}.journal", next_number_), next_number_, 0, 0,
                  std::numeric_limits<std::int64_t>::max()};
  fd_ = ::open(segment.file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd_ < 0) return system_error(segment.file);
  ++next_number_;
  segments_.push_back(std::move(segment));
  return {};
}

Result<> Journal::append(std::uint64_t sequence, std::int64_t hour, std::string_view bytes) {
  // A file per hour at least, so that each goes soon after its hour was closed.
  if (fd_ < 0 || segments_.back().bytes >= segment_size || hour > segments_.back().oldest_hour)
    TRYV(begin());
  std::string body;
  body.reserve(bytes.size() + header_size);
  put_fixed(body, sequence);
  body += bytes;
  std::string frame;
  put_fixed(frame, body.size(), 4);
  put_fixed(frame, checksum(body), 4);
  frame += body;
  auto& segment = segments_.back();
  if (!write_all(fd_, frame)) {
    auto error = system_error(segment.file);
    // What is there of it would hide what comes after.
    if (::ftruncate(fd_, static_cast<off_t>(segment.bytes)) != 0) close();
    return error;
  }
  segment.bytes += frame.size();
  segment.last_sequence = sequence;
  segment.oldest_hour = std::min(segment.oldest_hour, hour);
  return {};
}

void Journal::drop_before(std::uint64_t sequence) {
  while (!segments_.empty() && segments_.front().last_sequence < sequence) {
    bool is_open = segments_.size() == 1 && fd_ >= 0;
    if (is_open && segments_.front().bytes == 0) return;
    if (is_open) close();
    std::error_code ec;
    fs::remove(segments_.front().file, ec);
    segments_.pop_front();
  }
}

std::int64_t Journal::oldest_hour() const {
  auto oldest = std::numeric_limits<std::int64_t>::max();
  for (auto& segment : segments_) oldest = std::min(oldest, segment.oldest_hour);
  return oldest;
}

void Journal::note_hour(std::int64_t hour) {
  segments_.back().oldest_hour = std::min(segments_.back().oldest_hour, hour);
}

std::uint64_t Journal::bytes() const {
  std::uint64_t sum = 0;
  for (auto& segment : segments_) sum += segment.bytes;
  return sum;
}

}  // namespace muster::store
