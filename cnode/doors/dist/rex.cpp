#include "doors/dist/rex.h"

#include <functional>
#include <optional>

#include "dist/control.h"
#include "doors/dist/applier.h"
#include "etf/encode.h"
#include "ops/replies.h"

namespace muster::doors::dist {

using etf::atom;
using etf::Term;
using etf::tuple;
using muster::dist::GenMessage;
using muster::dist::Link;

namespace {

using Answer = std::function<void(std::string_view encoded)>;

/// {call | block_call | cast, M, F, Args, GroupLeader}
std::optional<Call> parse(const Term& request) {
  auto* parts = request.tuple(5);
  if (!parts) return std::nullopt;
  auto* module = (*parts)[1].get_if<etf::Atom>();
  auto* function = (*parts)[2].get_if<etf::Atom>();
  Call call;
  if (!module || !function || !(*parts)[3].proper_list(call.arguments)) return std::nullopt;
  call.module = module->name;
  call.function = function->name;
  return call;
}

Term undefined(Call call) {
  auto stack = undefined_stack(std::move(call));
  return tuple(atom("badrpc"), tuple(atom("EXIT"), tuple(atom("undef"), std::move(stack))));
}

std::string encoded(const Term& term) {
  std::string out;
  etf::encode(term, out);
  return out;
}

asio::awaitable<void> run(Calls& calls, const ops::Operation* operation, Term arguments,
                          ops::Caller caller, Answer answer, Calls::Running call) {
  answer(co_await calls.answer(*operation, std::move(arguments), std::move(caller), call));
}

struct Applied {
  const Functions& functions;
  Calls& calls;
  Link& link;

  /// How to cancel what was started; empty when that is not to be.
  TaskGroup::Cancel operator()(Call call, const etf::Pid& caller, Answer answer) const {
    auto function = functions.find(call, link);
    if (auto* wanted = std::get_if<OperationCall>(&function)) {
      auto& operation = *wanted->operation;
      auto begun = calls.begin(link, wanted->arguments);
      if (!begun) return answer(encoded(ops::error_term(begun.error()))), TaskGroup::Cancel();
      auto make = [&](Calls::Running running) {
        return run(calls, &operation, std::move(wanted->arguments), caller_on(link, caller),
                   std::move(answer), std::move(running));
      };
      return calls.spawn(operation, *std::move(begun), make);
    }
    if (auto* value = std::get_if<Value>(&function)) {
      answer(encoded(value->term));
    } else if (auto* text = std::get_if<Print>(&function)) {
      answer(encoded(etf::binary(text->text)));
    } else {
      answer(encoded(undefined(std::move(call))));
    }
    return {};
  }
};

}  // namespace

/// A call is answered, by whichever way it comes; nothing of it is looked at but who waits.
bool Rex::on_guest_message(const muster::dist::Message& message) {
  if (auto waiting = muster::dist::Caller::of(message)) {
    waiting->reply(forbidden(message.link));
    return false;
  }
  auto rest = message.payload;
  muster::dist::WirePid pid;
  constexpr std::string_view pair("h\x02"), request("h\x05");  // tuples of two and of five
  if (!rest.starts_with(pair)) return false;
  rest.remove_prefix(pair.size());
  if (muster::dist::read_pid(rest, pid) && rest.starts_with(request))
    message.link.send(message.link.pid(muster::dist::PeerPid{pid.id, pid.serial, pid.creation}),
                      tuple(atom("rex"), forbidden(message.link)));
  return false;
}

void Rex::on_message(const muster::dist::Message& message) {
  auto request = GenMessage::read(message);
  if (!request) return;
  Applied apply{functions_, calls_, message.link};
  auto link = message.link.shared_from_this();

  if (request->kind != GenMessage::Kind::info) {
    bool is_call = request->kind == GenMessage::Kind::call;
    auto waiting = request->caller;
    Answer answer = [waiting, is_call](std::string_view value) mutable {
      if (is_call) waiting.reply_encoded(value);
    };
    auto call = parse(request->body);
    auto pid = is_call ? waiting.pid() : etf::Pid{};
    if (!call) return answer(encoded(tuple(atom("badrpc"), atom("badarg"))));
    auto cancel = apply(std::move(*call), pid, std::move(answer));
    if (is_call && cancel) waiting.on_given_up(std::move(cancel));
    return;
  }
  auto* parts = request->body.tuple(2);
  auto* pid = parts ? (*parts)[0].get_if<etf::Pid>() : nullptr;
  if (!pid) return;
  if ((*parts)[1].is_atom("features_request"))
    return link->send(*pid,
                      tuple(atom("features_reply"), atom(link->self()), etf::list(atom("erpc"))));
  Answer answer = [link, to = *pid](std::string_view value) {
    std::string message("h\x02");
    etf::encode(atom("rex"), message);
    link->send_encoded(to, message += value);
  };
  if (auto call = parse((*parts)[1])) apply(std::move(*call), *pid, std::move(answer));
}

}  // namespace muster::doors::dist
