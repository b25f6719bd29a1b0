#include "dist/erpc.h"

#include "dist/byte_reader.h"
#include "dist/control.h"
#include "dist/gen.h"
#include "etf/check.h"
#include "etf/decode.h"
#include "etf/encode.h"
#include "etf/tags.h"

namespace muster::dist {
namespace {

/// {Result, Class, …}: the start of an exit reason.
std::string reason(const std::string& result, unsigned arity, std::string_view kind) {
  std::string out;
  out.reserve(256);
  put8(out, etf::tag::small_tuple);
  put8(out, arity);
  out += result;
  put8(out, etf::tag::small_atom_utf8);
  put8(out, kind.size());
  return out.append(kind);
}

}  // namespace

std::optional<ErpcCall> ErpcCall::read(const SpawnRequest& request) {
  bool is_call = request.function == "execute_call" && request.arity == 4;
  bool is_cast = request.function == "execute_cast" && request.arity == 3;
  if (request.module != "erpc" || (!is_call && !is_cast)) return std::nullopt;
  ByteReader in(request.arguments);
  if (in.u8() != etf::tag::list || in.u32() != request.arity) return std::nullopt;
  auto rest = in.rest();
  ErpcCall out;
  if (is_call) {
    auto size = etf::check(rest);
    if (!size || *size > most_kept) return std::nullopt;
    out.result = rest.substr(0, *size);
    rest.remove_prefix(*size);
  }
  std::string_view module, function;
  if (!read_atom(rest, module) || !read_atom(rest, function)) return std::nullopt;
  out.module = module;
  out.function = function;
  auto arguments = etf::decode_front(rest);
  if (!arguments || rest != "\x6a") return std::nullopt;
  if (auto* list = arguments->get_if<etf::List>(); list && !list->tail) {
    out.arguments = std::move(list->elements);
  } else if (!arguments->proper_list(out.arguments)) {
    return std::nullopt;
  }
  return out;
}

std::optional<ErpcCall> ErpcCall::read_result(const SpawnRequest& request) {
  if (request.module != "erpc" || request.function != "execute_call" || request.arity != 4)
    return std::nullopt;
  ByteReader in(request.arguments);
  if (in.u8() != etf::tag::list || in.u32() != request.arity) return std::nullopt;
  auto whole = in.rest(), rest = whole;
  WireRef ref;
  if (!read_ref(rest, ref)) return std::nullopt;
  ErpcCall out;
  out.result = whole.substr(0, whole.size() - rest.size());
  return out;
}

std::string ErpcCall::returned(const etf::Term& value) const {
  auto out = reason(result, 3, "return");
  etf::encode(value, out);
  return out;
}

std::string ErpcCall::returned_encoded(std::string_view value) const {
  return reason(result, 3, "return").append(value);
}

std::string ErpcCall::threw(const etf::Term& value) const {
  auto out = reason(result, 3, "throw");
  etf::encode(value, out);
  return out;
}

std::string ErpcCall::exited(const etf::Term& why) const {
  auto out = reason(result, 3, "exit");
  etf::encode(why, out);
  return out;
}

std::string ErpcCall::failed(const etf::Term& why, const etf::Term& stack) const {
  auto out = reason(result, 4, "error");
  etf::encode(why, out);
  etf::encode(stack, out);
  return out;
}

}  // namespace muster::dist
