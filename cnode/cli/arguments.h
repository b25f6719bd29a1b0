#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "ops/table.h"

namespace muster::cli {

namespace json = boost::json;

/// A request as it goes to the daemon.
struct Request {
  std::string verb, target;
  std::optional<std::string> body;              ///< JSON
  std::optional<std::filesystem::path> upload;  ///< a file whose bytes are the body
};

/// What somebody typed behind an operation's name:
///     key=value    text (the daemon takes text for numbers, too)
///     key:=json    any JSON value
///     key=@file    a file's contents; base64 where the operation wants bytes
///     @file        an upload's bytes; else a file with a JSON object of arguments
/// Errors: bad_request naming what cannot be understood or read.
Result<Request> build_request(const ops::Help& operation, const std::vector<std::string>& words);

/// Percent-encoded for a path or query.
std::string url_encoded(std::string_view text);

/// The table as it came from the daemon.
Result<std::vector<ops::Help>> parse_help(json::value document);

}  // namespace muster::cli
