#include "base/error.h"

#include <boost/asio/error.hpp>
#include <stdexcept>

namespace muster {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "muster"; }
  std::string message(int value) const override {
    return std::string(name_of(static_cast<Errc>(value)));
  }
};

Errc from_system(const boost::system::error_code& code) {
  namespace condition = boost::system::errc;
  if (code == condition::timed_out) return Errc::timeout;
  for (auto gone :
       {condition::connection_refused, condition::connection_reset, condition::connection_aborted,
        condition::broken_pipe, condition::host_unreachable, condition::network_unreachable,
        condition::not_connected, condition::network_down})
    if (code == gone) return Errc::unavailable;
  namespace net = boost::asio::error;
  if (code == net::eof || code == net::host_not_found || code == net::host_not_found_try_again)
    return Errc::unavailable;
  return Errc::internal;
}

}  // namespace

const boost::system::error_category& muster_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(Errc code) {
  return {static_cast<int>(code), muster_category()};
}

std::string_view name_of(Errc code) {
  switch (code) {
    case Errc::bad_request:
      return "bad_request";
    case Errc::unauthorized:
      return "unauthorized";
    case Errc::forbidden:
      return "forbidden";
    case Errc::not_found:
      return "not_found";
    case Errc::conflict:
      return "conflict";
    case Errc::quota:
      return "quota";
    case Errc::too_large:
      return "too_large";
    case Errc::timeout:
      return "timeout";
    case Errc::unavailable:
      return "unavailable";
    case Errc::unsupported:
      return "unsupported";
    case Errc::internal:
      return "internal";
  }
  return "internal";
}

Errc Error::errc() const {
  if (code.category() == muster_category()) return static_cast<Errc>(code.value());
  auto mapped = code.default_error_condition();
  if (mapped.category() == muster_category()) return static_cast<Errc>(mapped.value());
  return from_system(code);
}

Error Error::context(std::string_view doing) && {
  message = message.empty() ? std::string(doing) : std::string(doing) + ": " + message;
  return std::move(*this);
}

std::string Error::text() const {
  if (code.category() == muster_category()) return message;
  return message.empty() ? code.message() : message + ": " + code.message();
}

void throw_exception_from_error(const Error& error, const boost::source_location& where) {
  throw std::runtime_error("unchecked error at " + where.to_string() + ": " + error.text());
}

}  // namespace muster
