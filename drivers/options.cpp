#include "drivers/options.h"

#include <algorithm>
#include <cctype>

namespace muster::drivers {

std::string text_option(const boost::json::object& options, std::string_view name,
                        std::string_view otherwise) {
  const auto* value = options.if_contains(name);
  if (value == nullptr || !value->is_string()) return std::string(otherwise);
  return std::string(std::string_view(value->get_string()));
}

bool is_host_name(std::string_view text) {
  auto is_good = [](unsigned char c) {
    return std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == ':' || c == '%';
  };
  return !text.empty() && text.size() <= 253 && text.front() != '-' &&
         std::all_of(text.begin(), text.end(), is_good);
}

}  // namespace muster::drivers
