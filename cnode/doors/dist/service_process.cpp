#include "doors/dist/service_process.h"

#include "doors/dist/applier.h"
#include "ops/replies.h"

namespace muster::doors::dist {

using etf::Term;
using muster::dist::GenMessage;

namespace {

asio::awaitable<void> answer(Calls& calls, const ops::Operation* operation, Term arguments,
                             ops::Caller caller, muster::dist::Caller waiting, bool is_call,
                             Calls::Running call) {
  auto encoded = co_await calls.answer(*operation, std::move(arguments), std::move(caller), call);
  if (is_call) waiting.reply_encoded(encoded);
}

}  // namespace

bool ServiceProcess::on_guest_message(const muster::dist::Message& message) {
  if (auto waiting = muster::dist::Caller::of(message)) waiting->reply(forbidden(message.link));
  return false;
}

void ServiceProcess::on_message(const muster::dist::Message& message) {
  auto request = GenMessage::read(message);
  if (!request || request->kind == GenMessage::Kind::info) return;
  bool is_call = request->kind == GenMessage::Kind::call;
  auto refuse = [&](const Error& error) {
    if (is_call) request->caller.reply(ops::error_term(error));
  };
  auto form = ops::parse_form(std::move(request->body));
  if (!form) return refuse(form.error());
  auto* operation = table_.find(service_, form->operation);
  if (!operation)
    return refuse(Error(Errc::not_found, "no operation '" + service_ + "." + form->operation +
                                             "': rpc:call(Node, muster, help, []) lists them"));
  auto pid = is_call        ? request->caller.pid()
             : message.from ? message.link.pid(*message.from)
                            : etf::Pid{};
  if (operation->is_immediate()) {
    auto result = operation->call_now(std::move(form->args), caller_on(message.link, pid));
    if (is_call) request->caller.reply(ops::reply_term(std::move(result)));
    return;
  }
  auto begun = calls_.begin(message.link, form->args);
  if (!begun) return refuse(begun.error());
  auto make = [&](Calls::Running call) {
    return answer(calls_, operation, std::move(form->args), caller_on(message.link, pid),
                  request->caller, is_call, std::move(call));
  };
  auto cancel = calls_.spawn(*operation, *std::move(begun), make);
  if (is_call && cancel) request->caller.on_given_up(std::move(cancel));
}

}  // namespace muster::doors::dist
