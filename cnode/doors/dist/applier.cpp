#include "doors/dist/applier.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "dist/erpc.h"
#include "etf/decode.h"
#include "etf/weight.h"
#include "ops/replies.h"

namespace muster::doors::dist {

using etf::atom;
using etf::Term;
using muster::dist::ErpcCall;
using muster::dist::Job;

namespace {

constexpr auto print_limit = std::chrono::seconds(3);

/// How the outcome of a call becomes the exit reason of the process that made it: erpc's own form
/// for rpc and erpc, the bare reason for a plain spawn.
class Outcome {
 public:
  Outcome(std::shared_ptr<Job> job, std::optional<ErpcCall> erpc)
      : job_(std::move(job)), erpc_(std::move(erpc)) {}

  void returned(const Term& value) const {
    if (erpc_ && !erpc_->result.empty()) return job_->finish_encoded(erpc_->returned(value));
    job_->finish(atom("normal"));
  }
  void returned_encoded(std::string_view value) const {
    if (erpc_ && !erpc_->result.empty())
      return job_->finish_encoded(erpc_->returned_encoded(value));
    job_->finish(atom("normal"));
  }
  void undefined(Call call) const {
    auto stack = undefined_stack(std::move(call));
    if (erpc_ && !erpc_->result.empty())
      return job_->finish_encoded(erpc_->failed(atom("undef"), stack));
    job_->finish(etf::tuple(atom("undef"), std::move(stack)));
  }
  Job& job() const { return *job_; }

 private:
  std::shared_ptr<Job> job_;
  std::optional<ErpcCall> erpc_;
};

asio::awaitable<void> run(Calls& calls, const ops::Operation* operation, Term arguments,
                          Outcome outcome, Calls::Running call) {
  auto caller = caller_on(outcome.job().link(), outcome.job().caller());
  outcome.returned_encoded(
      co_await calls.answer(*operation, std::move(arguments), std::move(caller), call));
}

/// Through the caller's group leader. In a remote shell that lives on a third node, to which only
/// an admin may have us write; where we have no link with it, or it does not answer, the text is
/// the value.
asio::awaitable<void> print(const muster::dist::Node& node, std::string text, Outcome outcome,
                            Calls::Running) {
  auto& job = outcome.job();
  auto group_leader = job.group_leader();
  auto* leader = group_leader.get_if<etf::Pid>();
  bool may_write =
      leader && (leader->node.name == job.link().peer() || job.link().role() == ops::Role::admin);
  auto link = may_write ? node.find(leader->node.name) : nullptr;
  if (!link) co_return outcome.returned(etf::binary(text));
  asio::steady_timer answered(co_await asio::this_coro::executor, print_limit);
  bool is_printed = false;
  job.on_message([&](const muster::dist::Message&) {
    is_printed = true;
    answered.cancel();
  });
  link->send(*leader, put_chars(link->pid(job.pid()), text), job.pid());
  co_await answered.async_wait(asio::as_tuple(asio::use_awaitable));
  job.on_message(nullptr);
  outcome.returned(is_printed ? atom("ok") : etf::binary(text));
}

}  // namespace

void Applier::spawn(std::shared_ptr<Job> job, const muster::dist::SpawnRequest& request) {
  auto erpc = ErpcCall::read(request);
  if (!erpc && request.module == "erpc" && request.function.starts_with("execute_"))
    return job->finish(atom("badarg"));
  Call call;
  if (erpc) {
    call = {std::move(erpc->module), std::move(erpc->function), std::move(erpc->arguments)};
  } else {
    auto arguments = etf::decode(request.arguments);
    if (!arguments || !arguments->proper_list(call.arguments)) return job->finish(atom("badarg"));
    call.module = request.module;
    call.function = request.function;
  }
  auto function = functions_.find(call, job->link());
  Outcome outcome(job, std::move(erpc));
  if (std::holds_alternative<Undefined>(function)) return outcome.undefined(std::move(call));
  if (auto* value = std::get_if<Value>(&function)) return outcome.returned(value->term);
  if (auto* help = std::get_if<Print>(&function)) {
    auto begun = calls_.begin(job->link(), etf::binary(help->text));
    if (!begun) return outcome.returned(ops::error_term(begun.error()));
    calls_.spawn("muster:h",
                 print(node_, std::move(help->text), std::move(outcome), *std::move(begun)));
    return;
  }
  auto& [operation, arguments] = std::get<OperationCall>(function);
  if (operation->is_immediate())
    return outcome.returned(ops::reply_term(
        operation->call_now(std::move(arguments), caller_on(job->link(), job->caller()))));
  auto begun = calls_.begin(job->link(), arguments);
  if (!begun) return outcome.returned(ops::error_term(begun.error()));
  auto make = [&](Calls::Running call) {
    return run(calls_, operation, std::move(arguments), outcome, std::move(call));
  };
  if (auto cancel = calls_.spawn(*operation, *std::move(begun), make))
    job->on_cancel(std::move(cancel));
}

void Applier::refuse(std::shared_ptr<Job> job, const muster::dist::SpawnRequest& request) {
  auto answer = forbidden(job->link());
  if (auto erpc = ErpcCall::read_result(request))
    return job->finish_encoded(erpc->returned(answer));
  job->finish(answer);
}

Term undefined_stack(Call call) {
  constexpr std::size_t most_shown = 4096;
  Term arguments = etf::List{std::move(call.arguments), nullptr};
  if (etf::weight(arguments) > most_shown)
    arguments = static_cast<std::int64_t>(arguments.get_if<etf::List>()->elements.size());
  return etf::list(
      etf::tuple(atom(call.module), atom(call.function), std::move(arguments), Term()));
}

ops::Caller caller_on(const muster::dist::Link& link, const etf::Pid& pid) {
  return {"node:" + link.peer(), link.role(), pid, link.peer()};
}

Term forbidden(const muster::dist::Link& link) {
  return ops::error_term(
      Error(Errc::forbidden,
            fmt::format("{} may call nothing here, its role is none: an admin gives it another "
                        "with topology.update_node",
                        link.peer())));
}

Term put_chars(const etf::Pid& from, const std::string& text) {
  return etf::tuple(atom("io_request"), from, atom("muster"),
                    etf::tuple(atom("put_chars"), atom("unicode"), etf::binary(text)));
}

}  // namespace muster::doors::dist
