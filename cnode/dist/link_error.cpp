#include "dist/link_error.h"

#include <string>

#include "base/error.h"

namespace muster::dist {
namespace {

class Category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "distribution"; }
  std::string message(int value) const override {
    return std::string(name_of(static_cast<LinkError>(value)));
  }
  boost::system::error_condition default_error_condition(int value) const noexcept override {
    auto errc = Errc::unavailable;
    switch (static_cast<LinkError>(value)) {
      case LinkError::cookie:
        errc = Errc::unauthorized;
        break;
      case LinkError::not_allowed:
        errc = Errc::forbidden;
        break;
      case LinkError::timeout:
        errc = Errc::timeout;
        break;
      case LinkError::not_registered:
      case LinkError::refused:
      case LinkError::tls:
      case LinkError::wrong_name:
      case LinkError::closed:
      case LinkError::silent:
      case LinkError::overloaded:
      case LinkError::protocol:
      case LinkError::dropped:
        break;
    }
    return {static_cast<int>(errc), muster_category()};
  }
};

}  // namespace

const boost::system::error_category& link_category() {
  static const Category category;
  return category;
}

boost::system::error_code make_error_code(LinkError error) {
  return {static_cast<int>(error), link_category()};
}

std::string_view name_of(LinkError error) {
  switch (error) {
    case LinkError::not_registered:
      return "not_registered";
    case LinkError::refused:
      return "refused";
    case LinkError::timeout:
      return "timeout";
    case LinkError::cookie:
      return "cookie";
    case LinkError::not_allowed:
      return "not_allowed";
    case LinkError::tls:
      return "tls";
    case LinkError::wrong_name:
      return "wrong_name";
    case LinkError::closed:
      return "closed";
    case LinkError::silent:
      return "silent";
    case LinkError::overloaded:
      return "overloaded";
    case LinkError::protocol:
      return "protocol";
    case LinkError::dropped:
      return "dropped";
  }
  return "closed";
}

}  // namespace muster::dist
