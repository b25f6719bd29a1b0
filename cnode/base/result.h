#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include "base/error.h"

namespace muster {

namespace asio = boost::asio;

/// A value or an Error: what comes from wire, disk, cloud or user.
template <class T = void>
using Result = boost::system::result<T, Error>;

/// A coroutine that gives a Result. Being cancelled is not a Result: it unwinds as
/// boost::system::system_error(operation_aborted), caught by the TaskGroup that owns the coroutine.
template <class T = void>
using Task = asio::awaitable<Result<T>>;

}  // namespace muster

// TRY(auto x, expression) takes the value or returns the error from this function; CO_TRY does so
// in a coroutine. TRYV(expression) and CO_TRYV(expression) are for Result<void>.
#define MUSTER_CAT_(a, b) a##b
#define MUSTER_CAT(a, b) MUSTER_CAT_(a, b)
#define MUSTER_TRY_(tmp, ret, decl, ...)            \
  auto&& tmp = (__VA_ARGS__);                       \
  if (!tmp.has_value()) ret std::move(tmp).error(); \
  decl = *std::move(tmp)
#define MUSTER_TRYV_(tmp, ret, ...) \
  if (auto&& tmp = (__VA_ARGS__); !tmp.has_value()) ret std::move(tmp).error()
#define TRY(decl, ...) MUSTER_TRY_(MUSTER_CAT(result_, __LINE__), return, decl, __VA_ARGS__)
#define TRYV(...) MUSTER_TRYV_(MUSTER_CAT(result_, __LINE__), return, __VA_ARGS__)
#define CO_TRY(decl, ...) MUSTER_TRY_(MUSTER_CAT(result_, __LINE__), co_return, decl, __VA_ARGS__)
#define CO_TRYV(...) MUSTER_TRYV_(MUSTER_CAT(result_, __LINE__), co_return, __VA_ARGS__)
