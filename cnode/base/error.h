#pragma once

#include <boost/system/error_code.hpp>
#include <boost/system/system_error.hpp>
#include <string>
#include <string_view>

namespace muster {

/// What can go wrong, in the words that callers see: the same list through every door.
enum class Errc {
  bad_request = 1,  ///< the caller's input; Error::field says which member
  unauthorized,     ///< no or wrong credentials
  forbidden,        ///< known, but not allowed
  not_found,
  conflict,     ///< the state forbids it now: exists already, is busy
  quota,        ///< a limit of a provider
  too_large,    ///< a body, a frame, a term
  timeout,      ///< a time limit of ours or the caller's ran out
  unavailable,  ///< the other side cannot be reached or is gone: trying again may help
  unsupported,  ///< we or the other side cannot do that at all
  internal,     ///< our fault
};

const boost::system::error_category& muster_category();
boost::system::error_code make_error_code(Errc code);

/// The name a caller sees: "bad_request", "not_found", …
std::string_view name_of(Errc code);

/// An error on its way up: a code (ours, the system's or a protocol's) and a text that grows by
/// context(). A folder with finer kinds has its own enum and category whose default_error_condition
/// is one of Errc.
struct Error {
  boost::system::error_code code;
  std::string message;
  std::string field;  ///< JSON pointer to the member that is wrong, for bad_request

  Error() = default;
  Error(Errc errc, std::string text, std::string pointer = {})
      : code(make_error_code(errc)), message(std::move(text)), field(std::move(pointer)) {}
  Error(boost::system::error_code ec, std::string text) : code(ec), message(std::move(text)) {}

  /// The caller's word for it.
  Errc errc() const;
  /// "destroy web-3: HTTP 409": puts what was being done in front.
  Error context(std::string_view doing) &&;
  /// The message, with the system's own words where the code came from it.
  std::string text() const;
};

/// result<T, Error>::value() on an error throws through this; reaching it is a bug.
[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& where);

}  // namespace muster

template <>
struct boost::system::is_error_code_enum<muster::Errc> : std::true_type {};
