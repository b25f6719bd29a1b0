#include "ops/replies.h"

#include "base/log.h"
#include "base/random.h"

namespace muster::ops {

ErrorReply error_reply(const Error& error) {
  auto code = error.errc();
  if (code != Errc::internal) return {code, error.text(), error.field};
  auto reference = random_hex(4);
  log::error("internal error {}: {}", reference, error.text());
  return {code, "internal error; the daemon's log has it as " + reference, {}};
}

etf::Term error_term(const Error& error) {
  auto reply = error_reply(error);
  etf::Map map;
  map.pairs.emplace_back(etf::atom("code"), etf::atom(name_of(reply.code)));
  map.pairs.emplace_back(etf::atom("message"), etf::binary(reply.message));
  if (!reply.field.empty()) map.pairs.emplace_back(etf::atom("field"), etf::binary(reply.field));
  return etf::tuple(etf::atom("error"), std::move(map));
}

etf::Term reply_term(Result<etf::Term> result) {
  if (!result) return error_term(result.error());
  return etf::tuple(etf::atom("ok"), *std::move(result));
}

json::object problem(const ErrorReply& error) {
  json::object document{{"type", "about:blank"},
                        {"title", name_of(error.code)},
                        {"status", http_status(error.code)},
                        {"detail", error.message},
                        {"code", name_of(error.code)}};
  if (!error.field.empty()) document["field"] = error.field;
  return document;
}

int http_status(Errc code) {
  switch (code) {
    case Errc::bad_request:
      return 400;
    case Errc::unauthorized:
      return 401;
    case Errc::forbidden:
      return 403;
    case Errc::not_found:
      return 404;
    case Errc::conflict:
      return 409;
    case Errc::quota:
      return 429;
    case Errc::too_large:
      return 413;
    case Errc::timeout:
      return 504;
    case Errc::unavailable:
      return 503;
    case Errc::unsupported:
      return 501;
    case Errc::internal:
      return 500;
  }
  return 500;
}

Result<Form> parse_form(etf::Term request) {
  if (auto* atom = request.get_if<etf::Atom>()) return Form{std::move(atom->name), {}};
  if (auto* tuple = request.get_if<etf::Tuple>();
      tuple && (tuple->elements.size() == 1 || tuple->elements.size() == 2)) {
    if (auto* atom = tuple->elements[0].get_if<etf::Atom>()) {
      Form form{std::move(atom->name), {}};
      if (tuple->elements.size() == 2) form.args = std::move(tuple->elements[1]);
      return form;
    }
  }
  return Error(Errc::bad_request, "wanted Operation or {Operation, Arguments}");
}

}  // namespace muster::ops
