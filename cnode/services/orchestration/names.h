#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

/// What users may call things. Errors: bad_request with the field given.
namespace muster::orchestration {

/// A provider, release or family: 1 to 255 bytes of printable characters, and not the shape of a
/// UUID, since names stand wherever ids do.
Result<> check_name(std::string_view name, const std::string& field);

/// A file or folder inside a release: relative, without `..`, one line.
Result<> check_release_path(std::string_view path, const std::string& field);

/// A variable of the environment that is not one of those that every command gets anyway.
Result<> check_env_name(std::string_view name, const std::string& field);

/// A {{ name }} of a template that is not one of those that are always filled.
Result<> check_variable_name(std::string_view name, const std::string& field);

/// A shell command: one line or more, without zero bytes, at most 4,096 bytes.
Result<> check_command(std::string_view command, const std::string& field);

}  // namespace muster::orchestration
