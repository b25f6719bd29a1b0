#include "dist/epmd_codec.h"

#include "dist/byte_reader.h"
#include "dist/link_error.h"

namespace muster::dist::epmd {
namespace {

std::string with_length(std::string_view body) {
  std::string out;
  put16(out, body.size());
  return out.append(body);
}

Error odd_answer() {
  return Error(Errc::internal, "epmd: an answer that no epmd gives");
}

}  // namespace

std::string alive_request(std::string_view name, std::uint16_t port) {
  std::string body;
  put8(body, 120);
  put16(body, port);
  put8(body, 72);  // hidden
  put8(body, 0);   // TCP over IPv4 or IPv6
  put16(body, 6);
  put16(body, 5);
  put16(body, name.size());
  body += name;
  put16(body, 0);
  return with_length(body);
}

std::optional<Result<>> alive_answer(std::string_view bytes) {
  if (bytes.size() < 2) return std::nullopt;
  auto kind = static_cast<unsigned char>(bytes[0]);
  if (kind != 118 && kind != 121) return Result<>(odd_answer());
  if (bytes[1] != 0) return Result<>(Error(Errc::conflict, "epmd: the name is taken"));
  if (bytes.size() < (kind == 118 ? 6u : 4u)) return std::nullopt;
  return Result<>();
}

std::string port_request(std::string_view name) {
  return with_length("\x7a" + std::string(name));
}

std::optional<Result<Entry>> port_answer(std::string_view bytes, bool at_end) {
  ByteReader in(bytes);
  auto kind = in.u8();
  auto result = in.u8();
  if (in.ok() && kind != 119) return Result<Entry>(odd_answer());
  if (in.ok() && result != 0)
    return Result<Entry>(
        Error(make_error_code(LinkError::not_registered), "epmd has no such name"));
  Entry entry;
  entry.port = in.u16();
  in.take(2);  // node type, protocol
  entry.highest_version = in.u16();
  entry.lowest_version = in.u16();
  if (in.ok()) return Result<Entry>(entry);
  if (at_end) return Result<Entry>(odd_answer());
  return std::nullopt;
}

}  // namespace muster::dist::epmd
