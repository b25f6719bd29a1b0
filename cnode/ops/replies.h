#pragma once

#include <string>

#include "base/result.h"
#include "etf/term.h"
#include "ops/input.h"

namespace muster::ops {

/// What callers get to see of an Error: finer kinds mapped to the list of README.md, and
/// the text of an internal one replaced by a reference to the log, where it is written.
struct ErrorReply {
  Errc code;
  std::string message;
  std::string field;
};
ErrorReply error_reply(const Error& error);

/// {ok, Value} and {error, #{code => …, message => …, field => …}}.
etf::Term reply_term(Result<etf::Term> result);
etf::Term error_term(const Error& error);

/// RFC 9457 document with `code` and `field`, and its HTTP status.
json::object problem(const ErrorReply& error);
int http_status(Errc code);

/// What a gen_server call or a cast asks for: Op, {Op} or {Op, Args}.
struct Form {
  std::string operation;
  etf::Term args;
};
/// Error: bad_request for anything else.
Result<Form> parse_form(etf::Term request);

}  // namespace muster::ops
