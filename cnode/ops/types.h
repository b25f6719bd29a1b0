#pragma once

#include <boost/describe/class.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace muster::ops {

/// The name of an Erlang node, "shop1@10.0.0.7": an atom in Erlang, text in JSON.
struct NodeName {
  std::string text;
  auto operator<=>(const NodeName&) const = default;
};

/// No arguments, or nothing to say but that it worked.
struct Empty {};
BOOST_DESCRIBE_STRUCT(Empty, (), ())

/// One page of a list. `next` is what `after` takes to go on, absent on the last page.
template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::string> next;
  BOOST_DESCRIBE_CLASS(Page, (), (items, next), (), ())
};

/// What requests for a Page have in common: derive from it, or use it as it is.
struct PageRequest {
  std::optional<std::uint32_t> limit;  ///< 100 when absent
  std::optional<std::string> after;

  static constexpr std::uint32_t default_limit = 100, max_limit = 1000;
  std::size_t count() const { return limit ? std::min(*limit, max_limit) : default_limit; }
};
BOOST_DESCRIBE_STRUCT(PageRequest, (), (limit, after))

/// Cuts a Page out of `all`, which is sorted by `key(item)`: for lists that are in memory anyway.
template <class T, class Key>
Page<T> page_of(const std::vector<T>& all, const PageRequest& request, Key key) {
  Page<T> page;
  for (auto& item : all) {
    if (request.after && key(item) <= *request.after) continue;
    if (page.items.size() == request.count()) {
      page.next = key(page.items.back());
      break;
    }
    page.items.push_back(item);
  }
  return page;
}

}  // namespace muster::ops
