#pragma once

#include <algorithm>
#include <boost/json/value.hpp>
#include <cmath>

/// Equal, but that Boost.JSON 1.81 reads some doubles as their neighbours: when it reads them back,
/// and when they come in other pieces.
inline bool is_same_json(const boost::json::value& a, const boost::json::value& b) {
  if (a.is_double() && b.is_double())
    return a == b || std::abs(a.as_double() - b.as_double()) <= std::abs(a.as_double()) * 1e-15;
  if (a.is_object() && b.is_object()) {
    auto in_b = [&](auto& pair) {
      auto* other = b.as_object().if_contains(pair.key());
      return other && is_same_json(pair.value(), *other);
    };
    auto& all = a.as_object();
    return all.size() == b.as_object().size() && std::all_of(all.begin(), all.end(), in_b);
  }
  if (a.is_array() && b.is_array())
    return std::equal(a.as_array().begin(), a.as_array().end(), b.as_array().begin(),
                      b.as_array().end(), is_same_json);
  return a == b;
}
