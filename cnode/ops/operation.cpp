#include "ops/operation.h"

#include <boost/describe/enum_to_string.hpp>

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
      immediate_(std::move(immediate)) {}

Result<void> Operation::permit(const Caller& caller) const {
  if (caller.role >= row_.role) return {};
  return Error(Errc::forbidden, fmt::format("{} needs the role {}", full_name(),
                                            to_json(row_.role).as_string().c_str()));
}

/// What is refused before it runs takes no time.
Result<Prepared> Operation::counted(Result<Prepared> prepared) const {
  if (!prepared) ++tally_->refused;
  return prepared;
}

Result<Prepared> Operation::prepare(const Input& from, const Caller& caller) const {
  auto read = [&]() -> Result<Prepared> {
    TRYV(permit(caller));
    auto request = make_request_();
    TRYV(request_->read(from, request.get()));
    return request;
  };
  return counted(read());
}

Result<Prepared> Operation::prepare(const Fields& fields, const Caller& caller) const {
  auto read = [&]() -> Result<Prepared> {
    TRYV(permit(caller));
    auto request = make_request_();
    TRYV(read_struct(*request_->structure(), fields, request.get()));
    return request;
  };
  return counted(read());
}

Result<Reply> Operation::finish(Counted& call, Result<std::shared_ptr<const void>> value) const {
  if (!value) {
    call.ended(value.error());
    return std::move(value).error();
  }
  call.ended_well();
  return Reply{*std::move(value), reply_};
}

Task<Reply> Operation::run(Prepared request, Caller caller, BodySource* body) const {
  Counted call(*tally_);
  auto task = handler_(std::move(request), std::move(caller), body);
  co_return finish(call, co_await std::move(task));
}

Task<Reply> Operation::call_input(Input from, Caller caller) const {
  CO_TRY(auto request, prepare(from, caller));
  Counted call(*tally_);
  auto task = handler_(std::move(request), std::move(caller), nullptr);
  co_return finish(call, co_await std::move(task));
}

Task<etf::Term> Operation::call(etf::Term args, Caller caller) const {
  if (is_upload_) {
    CO_TRYV(permit(caller));
    auto given = take(args, "body");
    auto bytes = read<Blob>(Input(given));
    if (!bytes) co_return at_field(std::move(bytes).error(), "body");
    CO_TRY(auto request, prepare(Input(args), caller));
    BlobSource body(std::move(*bytes));
    auto task = run(std::move(request), std::move(caller), &body);
    CO_TRY(auto reply, co_await std::move(task));
    co_return reply.term();
  }
  auto task = call_input(Input(args), std::move(caller));
  CO_TRY(auto reply, co_await std::move(task));
  co_return reply.term();
}

Result<etf::Term> Operation::call_now(etf::Term args, Caller caller) const {
  assert(is_immediate());
  TRY(auto request, prepare(Input(args), caller));
  Counted call(*tally_);
  TRY(auto reply, finish(call, immediate_(std::move(request), std::move(caller))));
  return reply.term();
}

Task<json::value> Operation::call(json::value args, Caller caller) const {
  assert(!is_upload_);
  auto task = call_input(Input(args), std::move(caller));
  CO_TRY(auto reply, co_await std::move(task));
  co_return reply.json();
}

}  // namespace muster::ops
