#include "ops/operation.h"

#include <boost/describe/enum_to_string.hpp>
#include <deque>

#include "ops/text_bounds.h"

namespace muster::ops {
namespace {

/// Takes the value under `key` out of a map or property list.
etf::Term take(etf::Term& args, std::string_view key) {
  std::string name;
  etf::Term taken;
  if (auto* map = args.get_if<etf::Map>()) {
    for (auto at = map->pairs.begin(); at != map->pairs.end(); ++at)
      if (at->first.text(name) && name == key) {
        taken = std::move(at->second);
        map->pairs.erase(at);
        break;
      }
  } else if (auto* list = args.get_if<etf::List>()) {
    for (auto at = list->elements.begin(); at != list->elements.end(); ++at) {
      auto* pair = at->get_if<etf::Tuple>();
      if (!pair || pair->elements.size() != 2) continue;
      if (!pair->elements[0].text(name) || name != key) continue;
      taken = std::move(pair->elements[1]);
      list->elements.erase(at);
      break;
    }
  }
  return taken;
}

}  // namespace

Operation::Operation(Row row, const Type& request, const Type& reply, bool is_upload,
                     Prepared (*make_request)(), Handler handler, ImmediateHandler immediate)
    : row_(std::move(row)),
      request_(&request),
      reply_(&reply),
      is_upload_(is_upload),
      make_request_(make_request),
      handler_(std::move(handler)),
      immediate_(std::move(immediate)),
      is_change_(row_.is_change()) {}

Result<void> Operation::check_role(const Caller& caller) const {
  if (caller.role < row_.role)
    return Error(Errc::forbidden, fmt::format("{} needs the role {}", full_name(),
                                              to_json(row_.role).as_string().c_str()));
  if (caller.is_bound() && !row_.subject.is_given())
    return Error(Errc::forbidden, fmt::format("{} is bound to families, and {} is not about one",
                                              caller.name, full_name()));
  return {};
}

Result<void> Operation::permit(const Caller& caller, const Parameters& given) const {
  auto allowed = check_role(caller);
  if (allowed) return {};
  std::deque<json::value> kept;  // what fields refer to
  Fields fields;
  for (auto& [name, text] : given)
    fields.emplace_back(name, Input(kept.emplace_back(json::value(text))));
  return refused(std::move(allowed).error(), caller, about(structure(), fields));
}

/// What is refused before it runs takes no time.
Error Operation::refused(Error error, const Caller& caller, std::string is_about) const {
  ++tally_->refused;
  if (guards_ && guards_->audit && (is_change_ || error.errc() == Errc::forbidden))
    guards_->audit({full_name(), caller.name, caller.from(), caller.role, std::move(is_about),
                    Outcome::refused, std::string(name_of(error.errc()))});
  return error;
}

template <class Read>
Result<Prepared> Operation::prepare_by(const Caller& caller, const Fields& given, Read read) const {
  auto allowed = check_role(caller);
  if (!allowed) return refused(std::move(allowed).error(), caller, about(structure(), given));
  std::string is_about;  // before reading, which may take text out of what was given
  if (is_change_) is_about = about(structure(), given);
  auto request = make_request_();
  if (auto r = read(request.get()); !r)
    return refused(std::move(r).error(), caller, std::move(is_about));
  if (auto r = check_texts(*request_, request.get()); !r)
    return refused(std::move(r).error(), caller, std::move(is_about));
  if (caller.is_bound()) {
    static const FamilyLookup nothing;
    auto within = check_bounds(caller, row_.subject, structure(), request.get(),
                               guards_ ? guards_->families : nothing);
    if (!within)
      return refused(std::move(within).error(), caller, about(structure(), request.get()));
  }
  return request;
}

Result<Prepared> Operation::prepare(const Input& from, const Caller& caller) const {
  bool is_looked_at = structure() && (is_change_ || !check_role(caller));
  auto given = is_looked_at ? from.fields() : Fields();
  return prepare_by(caller, given ? *given : Fields(),
                    [&](void* request) { return request_->read(from, request); });
}

Result<Prepared> Operation::prepare(const Fields& fields, const Caller& caller) const {
  return prepare_by(caller, fields, [&](void* request) {
    return read_struct(*request_->structure(), fields, request);
  });
}

/// Tells the audit how a change ended. What ends without a word was cancelled. Reading costs a
/// look.
class Operation::Witness {
 public:
  Witness(const Operation& operation, const void* request, const Caller& caller) {
    if (!operation.is_change_ || !operation.guards_ || !operation.guards_->audit) return;
    audit_ = &operation.guards_->audit;
    attempt_ = {operation.full_name(),
                caller.name,
                caller.from(),
                caller.role,
                about(operation.structure(), request),
                Outcome::cancelled};
  }
  Witness(const Witness&) = delete;
  ~Witness() {
    if (attempt_) (*audit_)(*std::move(attempt_));
  }
  void ended_well() {
    if (attempt_) attempt_->outcome = Outcome::ok;
  }
  void ended(const Error& error) {
    if (!attempt_) return;
    attempt_->outcome = outcome_of(error);
    attempt_->code = name_of(error.errc());
  }

 private:
  const Audit* audit_ = nullptr;
  std::optional<Attempt> attempt_;
};

Result<Reply> Operation::finish(Counted& call, Witness& witness,
                                Result<std::shared_ptr<const void>> value) const {
  if (!value) {
    call.ended(value.error());
    witness.ended(value.error());
    return std::move(value).error();
  }
  call.ended_well();
  witness.ended_well();
  return Reply{*std::move(value), reply_};
}

Task<Reply> Operation::run(Prepared request, Caller caller, BodySource* body) const {
  Counted call(*tally_);
  Witness witness(*this, request.get(), caller);
  auto task = handler_(std::move(request), std::move(caller), body);
  co_return finish(call, witness, co_await std::move(task));
}

Task<Reply> Operation::call_input(Input from, Caller caller) const {
  CO_TRY(auto request, prepare(from, caller));
  auto task = run(std::move(request), std::move(caller));
  co_return co_await std::move(task);
}

Task<Reply> Operation::answer(etf::Term args, Caller caller) const {
  if (is_upload_) {
    if (auto allowed = check_role(caller); !allowed) {
      auto fields = Input(args).fields();
      co_return refused(std::move(allowed).error(), caller,
                        fields ? about(structure(), *fields) : std::string());
    }
    auto given = take(args, "body");
    auto bytes = read<Blob>(Input(given));
    if (!bytes) co_return at_field(std::move(bytes).error(), "body");
    CO_TRY(auto request, prepare(Input(args), caller));
    BlobSource body(std::move(*bytes));
    auto task = run(std::move(request), std::move(caller), &body);
    co_return co_await std::move(task);
  }
  auto task = call_input(Input(args), std::move(caller));
  co_return co_await std::move(task);
}

Task<etf::Term> Operation::call(etf::Term args, Caller caller) const {
  auto task = answer(std::move(args), std::move(caller));
  CO_TRY(auto reply, co_await std::move(task));
  co_return reply.term();
}

Result<etf::Term> Operation::call_now(etf::Term args, const Caller& caller) const {
  assert(is_immediate());
  TRY(auto request, prepare(Input(args), caller));
  Counted call(*tally_);
  Witness witness(*this, request.get(), caller);
  TRY(auto reply, finish(call, witness, immediate_(std::move(request), caller)));
  return reply.term();
}

Task<json::value> Operation::call(json::value args, Caller caller) const {
  assert(!is_upload_);
  auto task = call_input(Input(args), std::move(caller));
  CO_TRY(auto reply, co_await std::move(task));
  co_return reply.json();
}

}  // namespace muster::ops
