#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ops/operation.h"

namespace muster::ops {

/// The rows of one service, each bound to the member function that serves it: a Task may wait, a
/// Result answers from memory. Made in the service's operations(), which gives take() to the Table.
template <class Service>
class Rows {
 public:
  Rows(std::string name, Service& service) : name_(std::move(name)), service_(service) {}

  template <class Handler>
  void add(std::string name, Http http, Role role, std::string doc, Handler handler,
           Subject subject = {}) {
    Row row{name_, std::move(name), std::move(http), role, std::move(doc)};
    row.subject = std::move(subject);
    add(std::move(row), handler);
  }
  /// A row that says more about itself.
  template <class Handler>
  void add(Row row, Handler handler) {
    rows_.push_back(operation(std::move(row), service_, handler));
  }

  /// One that takes a stream of bytes beside its request.
  template <class Rq, class Rp>
  void add(Row row, Task<Rp> (Service::*handler)(Rq, Caller, BodySource&)) {
    rows_.push_back(upload(std::move(row), service_, handler));
  }

  std::vector<Operation> take() { return std::move(rows_); }

 private:
  std::string name_;
  Service& service_;
  std::vector<Operation> rows_;
};

}  // namespace muster::ops
