#include "test_node.h"

#include <algorithm>

#include "dist/erpc.h"
#include "etf/print.h"

namespace muster::test {
namespace {

using namespace etf;

class Server final : public dist::Process {
 public:
  explicit Server(TestNode& owner) : owner_(owner) {}

  void on_message(const dist::Message& message) override {
    auto got = dist::GenMessage::read(message);
    if (!got) return;
    if (got->kind != dist::GenMessage::Kind::call)
      return owner_.note((got->kind == dist::GenMessage::Kind::cast ? "cast " : "message ") +
                         etf::to_string(got->body));
    if (auto* pair = got->body.tuple(2); pair && (*pair)[0].is_atom("echo"))
      return got->caller.reply((*pair)[1]);
    if (got->body.is_atom("crash")) return owner_.node().exit(pid(), etf::atom("crashed"));
    if (got->body.is_atom("late")) return late_.push_back(std::move(got->caller));
    if (got->body.is_atom("answer_late")) {
      for (auto& caller : late_) caller.reply(etf::atom("late"));
      late_.clear();
      return got->caller.reply(etf::atom("ok"));
    }
    if (got->body.is_atom("whoami")) return got->caller.reply(Pid(message.link.pid(pid())));
  }
  void on_exit_signal(const dist::ExitSignal& signal) override {
    owner_.note((signal.is_linked ? "link broke: " : "exit signal: ") +
                etf::to_string(signal.reason));
  }

 private:
  TestNode& owner_;
  std::vector<dist::Caller> late_;
};

}  // namespace

TestNode::TestNode(dist::NodeConfig config) : work_(boost::asio::make_work_guard(context_)) {
  node_ = std::make_unique<dist::Node>(context_, std::move(config), *this);
  node_->register_name("srv", node_->spawn(std::make_shared<Server>(*this)));
  node_->set_spawn_handler(this);
  node_->add_listener(*this);
  thread_ = std::thread([this] { context_.run(); });
  auto started = wait(node_->start());
  if (!started) note("start: " + started.error().text());
}

TestNode::~TestNode() {
  auto task = node_->stop();
  boost::asio::co_spawn(context_, std::move(task), boost::asio::use_future).get();
  on_node([this] { hanging_.clear(); });
  work_.reset();
  context_.stop();
  thread_.join();
  node_.reset();
}

std::string TestNode::name(const std::string& peer) {
  return on_node([&] { return node_->self_for(peer); });
}

Result<std::shared_ptr<dist::Link>> TestNode::connect(const std::string& peer) {
  return wait(node_->connect(peer));
}

std::string TestNode::call(const std::string& peer, const std::string& module,
                           const std::string& function, std::vector<etf::Term> arguments,
                           std::chrono::milliseconds limit) {
  auto link = connect(peer);
  if (!link) return "no link: " + link.error().text();
  auto outcome = wait((*link)->apply(module, function, std::move(arguments), limit));
  if (!outcome) return std::string(name_of(outcome.error().errc())) + ": " + outcome.error().text();
  auto text = etf::to_string(outcome->value);
  switch (outcome->kind) {
    case dist::CallOutcome::Kind::returned:
      return text;
    case dist::CallOutcome::Kind::threw:
      return "throw:" + text;
    case dist::CallOutcome::Kind::exited:
      return "exit:" + text;
    case dist::CallOutcome::Kind::failed:
      return "error:" + text;
  }
  return text;
}

std::vector<std::string> TestNode::events() {
  std::scoped_lock lock(mutex_);
  return events_;
}

bool TestNode::has_event(const std::string& event) {
  auto all = events();
  return std::find(all.begin(), all.end(), event) != all.end();
}

void TestNode::note(std::string event) {
  std::scoped_lock lock(mutex_);
  events_.push_back(std::move(event));
}

std::optional<dist::PeerSettings> TestNode::settings(const std::string& node) const {
  auto found = known.find(node);
  if (found == known.end()) return std::nullopt;
  return found->second;
}

Role TestNode::role(const std::string& node, const Secret& cookie) const {
  auto found = known.find(node);
  return found != known.end() && found->second.cookie == cookie ? found->second.role : Role::none;
}

void TestNode::refuse(std::shared_ptr<dist::Job> job, const dist::SpawnRequest& request) {
  note("refused " + std::string(request.function));
  job->finish(etf::atom("forbidden"));
}

void TestNode::spawn(std::shared_ptr<dist::Job> job, const dist::SpawnRequest& request) {
  auto call = dist::ErpcCall::read(request);
  if (!call) {
    note("spawned " + std::string(request.function));
    if (request.function == "hang") return hanging_.push_back(std::move(job));
    return job->finish(etf::atom("normal"));
  }
  if (call->result.empty()) {
    note("cast " + call->function);
    return job->finish(etf::atom("normal"));
  }
  if (call->function == "echo" && call->arguments.size() == 1)
    return job->finish_encoded(call->returned(call->arguments[0]));
  if (call->function == "crash")
    return job->finish_encoded(call->failed(etf::atom("crashed"), etf::Term()));
  if (call->function == "throw") return job->finish_encoded(call->threw(etf::atom("ball")));
  if (call->function == "print") {
    auto request =
        etf::tuple(etf::atom("io_request"), Pid(job->link().pid(job->pid())), 1,
                   etf::tuple(etf::atom("put_chars"), etf::atom("unicode"), call->arguments.at(0)));
    auto leader = job->group_leader();
    if (auto* pid = leader.get_if<Pid>()) job->link().send(*pid, request, job->pid());
    return job->finish_encoded(call->returned(etf::atom("ok")));
  }
  if (call->function == "hang") {
    job->on_cancel([this] { note("cancelled"); });
    return hanging_.push_back(std::move(job));
  }
  auto function = etf::tuple(etf::atom(call->module), etf::atom(call->function),
                             etf::List{call->arguments, nullptr}, etf::List{});
  job->finish_encoded(call->failed(etf::atom("undef"), etf::list(std::move(function))));
}

void TestNode::link_up(const std::shared_ptr<dist::Link>& link) {
  note("up " + link->peer());
}

void TestNode::link_down(const std::shared_ptr<dist::Link>& link, dist::LinkError why) {
  note("down " + link->peer() + " " + std::string(dist::name_of(why)));
}

}  // namespace muster::test
