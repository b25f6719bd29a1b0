#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "ops/attempt.h"
#include "ops/body.h"
#include "ops/bounds.h"
#include "ops/caller.h"
#include "ops/convert.h"
#include "ops/tally.h"

namespace muster::ops {

/// How REST reaches an operation; without a path it does not (muster.subscribe).
struct Http {
  std::string verb;  ///< "POST"
  std::string path;  ///< "/api/orch/node_families/:family/nodes": `:family` fills that member;
                     ///< empty: not by REST
  std::vector<std::string> alias_paths = {};
  int status = 200;              ///< of success
  std::string wrapper = {};      ///< a body of just {"provider": {…}} means what is inside
  std::string body_member = {};  ///< a body that is an array fills this member
};

/// What is declared about an operation. Requests in REST: path, query and body fill the members of
/// the same name.
struct Row {
  std::string service, name;
  Http http;
  Role role = Role::admin;    ///< the least that may call it
  std::string doc;            ///< one line
  bool is_anonymous = false;  ///< REST answers it without a token
  std::uint64_t body_limit = 1 << 20;
  /// It only waits for others, so it is cancelled when its caller gives up (hangs up, dies, has
  /// waited long enough).
  bool ends_with_caller = false;
  /// How long it may take follows from its request (commands.run: `timeout` for each node), and it
  /// keeps to that: doors set no time limit of their own.
  bool limits_itself = false;
  Subject subject = {};   ///< what callers that are bound to families may call it about
  bool is_query = false;  ///< changes nothing although its verb is not GET

  /// Recorded by the audit, whoever calls it and however that ends.
  bool is_change() const { return http.verb != "GET" && !is_query; }
  /// Told or not: what has begun to change is not left half done, and it is short, for long work is
  /// rows that others carry on (202).
  bool reaches_its_end() const { return is_change() && !ends_with_caller; }
};

/// Whom all operations of a table tell, and whom they ask. Owned by the Table.
struct Guards {
  Audit audit;
  FamilyLookup families;
};

/// A reply on its way to a door.
struct Reply {
  std::shared_ptr<const void> value;
  const Type* type = nullptr;

  json::value json() const { return type->to_json(value.get()); }
  etf::Term term() const { return type->to_term(value.get()); }
};

/// A request that passed permission and conversion.
using Prepared = std::shared_ptr<void>;

/// One row of the operation table with its handler: what all doors serve.
/// Owned by the Table; lives on the loop. prepare() decides without I/O; run() is the handler, and
/// cancelling it cancels the handler. A door that takes no shortcut for immediate operations is
/// right, too. The handler's service must outlive the Table.
class Operation {
 public:
  using Handler = std::function<Task<std::shared_ptr<const void>>(Prepared, Caller, BodySource*)>;
  using ImmediateHandler =
      std::function<Result<std::shared_ptr<const void>>(Prepared, const Caller&)>;

  const Row& row() const { return row_; }
  std::string full_name() const { return row_.service + '.' + row_.name; }
  const Type& request() const { return *request_; }
  const Type& reply() const { return *reply_; }
  /// Wants a BodySource beside its request.
  bool is_upload() const { return is_upload_; }
  /// How calls of it ended so far.
  const Tally& tally() const { return *tally_; }
  /// Never waits: call_now() answers.
  bool is_immediate() const { return immediate_ != nullptr; }

  /// forbidden, where the role does not suffice, or the caller is bound to families and this is not
  /// about any. A refusal is counted and told to the audit, with what it is about as far as
  /// `given`, the members known by now, says so.
  using Parameters = std::vector<std::pair<std::string, std::string>>;
  Result<void> permit(const Caller& caller, const Parameters& given) const;
  /// Permission, conversion, then the caller's bounds: forbidden or bad_request with its field.
  Result<Prepared> prepare(const Input& from, const Caller& caller) const;
  /// The same for a struct whose fields were gathered from several places.
  Result<Prepared> prepare(const Fields& fields, const Caller& caller) const;
  Task<Reply> run(Prepared request, Caller caller, BodySource* body = nullptr) const;

  /// All of it for the Erlang door. An upload's bytes are under the key `body`.
  Task<Reply> answer(etf::Term args, Caller caller) const;
  Task<etf::Term> call(etf::Term args, Caller caller) const;
  Task<json::value> call(json::value args, Caller caller) const;
  /// The same without a coroutine, for an immediate operation.
  Result<etf::Term> call_now(etf::Term args, const Caller& caller) const;

  /// By the Table: `guards` are told and asked from now on.
  void set_guards(const Guards& guards) { guards_ = &guards; }

  Operation(Row row, const Type& request, const Type& reply, bool is_upload,
            Prepared (*make_request)(), Handler handler, ImmediateHandler immediate = nullptr);

 private:
  Task<Reply> call_input(Input from, Caller caller) const;
  Result<void> check_role(const Caller& caller) const;
  const Struct* structure() const { return request_->structure ? request_->structure() : nullptr; }
  template <class Read>
  Result<Prepared> prepare_by(const Caller& caller, const Fields& given, Read read) const;
  /// Counts what is refused before it runs, and tells the audit.
  Error refused(Error error, const Caller& caller, std::string is_about) const;
  class Witness;
  Result<Reply> finish(Counted& call, Witness& witness,
                       Result<std::shared_ptr<const void>> value) const;

  Row row_;
  const Type* request_;
  const Type* reply_;
  bool is_upload_;
  Prepared (*make_request_)();
  Handler handler_;
  ImmediateHandler immediate_;
  const Guards* guards_ = nullptr;
  bool is_change_;
  std::shared_ptr<Tally> tally_ = std::make_shared<Tally>();
};

namespace detail {

template <class Request>
Prepared make_request() {
  return std::make_shared<Request>();
}

template <class Rp>
Task<std::shared_ptr<const void>> keep_reply(Task<Rp> task) {
  CO_TRY(auto reply, co_await std::move(task));
  co_return std::make_shared<Rp>(std::move(reply));
}

inline Task<std::shared_ptr<const void>> ready(Result<std::shared_ptr<const void>> value) {
  co_return value;
}

}  // namespace detail

/// One row, for any callable: operation<AddNode, NodeView>(row, [&](AddNode r, Caller c) { … }).
template <class Rq, class Rp>
Operation operation(Row row, std::function<Task<Rp>(Rq, Caller)> handler) {
  static_assert(!detail::holds_secret<Rp>(), "a reply never carries a secret");
  auto erased = [handler = std::move(handler)](Prepared request, Caller caller, BodySource*) {
    return detail::keep_reply<Rp>(
        handler(std::move(*static_cast<Rq*>(request.get())), std::move(caller)));
  };
  return Operation(std::move(row), type_of<Rq>(), type_of<Rp>(), false, &detail::make_request<Rq>,
                   std::move(erased));
}

/// One row whose handler answers from memory and never waits: doors need no coroutine for it.
template <class Rq, class Rp>
Operation immediate_operation(Row row, std::function<Result<Rp>(Rq, const Caller&)> handler) {
  static_assert(!detail::holds_secret<Rp>(), "a reply never carries a secret");
  auto at_once = [handler = std::move(handler)](
                     Prepared request,
                     const Caller& caller) -> Result<std::shared_ptr<const void>> {
    TRY(auto reply, handler(std::move(*static_cast<Rq*>(request.get())), caller));
    return std::make_shared<const Rp>(std::move(reply));
  };
  auto as_task = [at_once](Prepared request, const Caller& caller, BodySource*) {
    return detail::ready(at_once(std::move(request), caller));
  };
  return Operation(std::move(row), type_of<Rq>(), type_of<Rp>(), false, &detail::make_request<Rq>,
                   std::move(as_task), std::move(at_once));
}

/// One row for a member function: operation(row, *this, &Topology::add_node).
template <class S, class Rq, class Rp>
Operation operation(Row row, S& service, Task<Rp> (S::*handler)(Rq, Caller)) {
  return operation<Rq, Rp>(std::move(row), [&service, handler](Rq request, Caller caller) {
    return (service.*handler)(std::move(request), std::move(caller));
  });
}

/// The same for one that answers from memory.
template <class S, class Rq, class Rp>
Operation operation(Row row, S& service, Result<Rp> (S::*handler)(Rq, const Caller&)) {
  return immediate_operation<Rq, Rp>(std::move(row),
                                     [&service, handler](Rq request, const Caller& caller) {
                                       return (service.*handler)(std::move(request), caller);
                                     });
}

/// A row whose handler takes a stream of bytes beside its request: PUT …/tarball.
template <class Rq, class Rp>
Operation upload(Row row, std::function<Task<Rp>(Rq, Caller, BodySource&)> handler) {
  static_assert(!detail::holds_secret<Rp>(), "a reply never carries a secret");
  auto erased = [handler = std::move(handler)](Prepared request, Caller caller, BodySource* body) {
    return detail::keep_reply<Rp>(
        handler(std::move(*static_cast<Rq*>(request.get())), std::move(caller), *body));
  };
  return Operation(std::move(row), type_of<Rq>(), type_of<Rp>(), true, &detail::make_request<Rq>,
                   std::move(erased));
}

template <class S, class Rq, class Rp>
Operation upload(Row row, S& service, Task<Rp> (S::*handler)(Rq, Caller, BodySource&)) {
  return upload<Rq, Rp>(std::move(row),
                        [&service, handler](Rq request, Caller caller, BodySource& body) {
                          return (service.*handler)(std::move(request), std::move(caller), body);
                        });
}

}  // namespace muster::ops
