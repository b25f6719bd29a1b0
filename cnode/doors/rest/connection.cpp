#include "doors/rest/connection.h"

#include "base/log.h"
#include "base/timeout.h"
#include "doors/rest/websocket.h"

namespace muster::doors::rest {
namespace {

using std::chrono::steady_clock;

constexpr std::size_t block_size = 64 * 1024;
constexpr std::size_t head_block_size = 2 * 1024;  // who waits for a request holds no more
constexpr std::string_view events_path = "/api/events";

constexpr std::uint64_t unclaimed = 16 * 1024;  // what any request may hold

std::uint64_t to_claim(std::uint64_t bytes) {
  return bytes > unclaimed ? bytes : 0;
}

/// An empty one is the last.
std::string chunk(std::string_view bytes) {
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

Error memory_is_short() {
  return Error(Errc::unavailable,
               "others hold all memory that there is for requests: try again later");
}

}  // namespace

std::optional<steady_clock::duration> time_limit(const ops::Operation& operation,
                                                 const Limits& limits) {
  if (operation.row().limits_itself) return std::nullopt;
  if (operation.is_upload()) return limits.upload;
  return limits.request;
}

/// The body of the request at hand as an upload's handler reads it.
class Connection::Body final : public ops::BodySource {
 public:
  explicit Body(Connection& connection) : connection_(connection) {}
  Task<std::string> next() override { return connection_.read_body(); }
  std::optional<std::uint64_t> size() const override {
    return connection_.parser_.head().content_length;
  }

 private:
  Connection& connection_;
};

Connection::Connection(std::shared_ptr<Stream> stream, std::string address,
                       const std::string& account, Shared& shared)
    : stream_(std::move(stream)),
      address_(std::move(address)),
      shared_(shared),
      caller_(account),
      coming_(shared.limits.transfer, shared.limits.bytes_per_second),
      holder_(shared.budget, account, [this] { close(); }),
      claim_(holder_),
      watchdog_(stream_->executor()) {}

Connection::~Connection() {
  shared_.crowd.leave(*this);
}

Crowd::Member::State Connection::state() const {
  if (!is_idle_) return State::busy;
  return is_listening_ ? State::listening : State::idle;
}

Result<> Connection::belong_to(const std::string& caller) {
  if (!shared_.crowd.move_to(*this, caller))
    return Error(Errc::unavailable, "too many connections of this token are busy: try again later");
  holder_.move_to(caller);
  caller_ = caller;
  return {};
}

void Connection::dismiss() {
  is_dismissed_ = true;
  if (is_listening_ || ends_when_dismissed_) close();
}

asio::awaitable<void> Connection::wait_for_turn() {
  allow_any_time();
  auto turn = shared_.turns.next(caller_);
  co_await std::move(turn);
}

asio::awaitable<void> Connection::run(std::shared_ptr<Connection> self) {
  self->allow(self->shared_.limits.head);
  auto shaken = co_await self->stream_->handshake();
  if (shaken) {
    while (co_await self->serve()) {
    }
  }
  self->allow_any_time();
  self->stream_->close();
}

void Connection::allow(steady_clock::duration time) {
  deadline_ = steady_clock::now() + time;
  if (!is_armed_ || deadline_ < watchdog_.expiry()) arm();
}

void Connection::allow_any_time() {
  deadline_ = steady_clock::time_point::max();
}

void Connection::arm() {
  is_armed_ = true;
  watchdog_.expires_at(deadline_);
  watchdog_.async_wait([weak = weak_from_this()](boost::system::error_code ec) {
    auto self = weak.lock();
    if (ec || !self) return;
    self->is_armed_ = false;
    if (steady_clock::now() >= self->deadline_)
      self->stream_->close();
    else if (self->deadline_ != steady_clock::time_point::max())
      self->arm();
  });
}

Task<bool> Connection::fill(std::size_t most) {
  if (most < block_.size()) std::string().swap(block_);
  block_.resize(most);
  CO_TRY(auto count, co_await stream_->read(asio::buffer(block_)));
  buffer_.append(block_, 0, count);
  co_return count > 0;
}

asio::awaitable<bool> Connection::read_head() {
  parser_.reset();
  is_idle_ = true;
  allow(buffer_.empty() ? shared_.limits.idle : shared_.limits.head);
  for (;;) {
    if (buffer_.empty()) {
      bool is_first = is_idle_;
      auto came = co_await fill(head_block_size);
      if (!came || !*came) co_return false;
      if (is_first) allow(shared_.limits.head);
    }
    is_idle_ = false;
    std::string_view bytes = buffer_;
    auto complete = parser_.feed_head(bytes);
    if (!complete) {
      co_await send(problem_response(complete.error()));
      co_await linger();
      co_return false;
    }
    buffer_.erase(0, buffer_.size() - bytes.size());
    if (*complete) co_return true;
  }
}

asio::awaitable<bool> Connection::serve() {
  if (!co_await read_head()) co_return false;
  is_dismissed_ = ends_when_dismissed_ = false;
  auto& head = parser_.head();
  if (head.is_upgrade && head.path() == events_path) {
    co_await serve_events();
    co_return false;
  }
  if (auto* page = shared_.dispatcher.find_page(head)) {
    auto served = serve_page(*page);
    co_return co_await std::move(served);
  }
  coming_ = {shared_.limits.transfer, shared_.limits.bytes_per_second};
  auto started = steady_clock::now();
  auto planned = shared_.dispatcher.plan(head, address_);
  auto* plan = std::get_if<Plan>(&planned);
  Response response;
  Result<> admitted;
  if (plan && !plan->operation->row().is_anonymous) admitted = belong_to(plan->caller.name);
  if (!admitted) {
    response = problem_response(admitted.error());
  } else if (plan) {
    auto task = plan->operation->is_upload() ? answer_upload(*plan) : answer(*plan);
    response = co_await std::move(task);
    if (!response.more) claim_.set(to_claim(response.body.size()));  // the request is gone
  } else {
    response = std::move(std::get<Response>(planned));
  }
  log::debug(
      "rest: {} {} {}: {} in {} ms", plan ? plan->caller.name : "?", head.verb, head.path(),
      response.status,
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started).count());
  auto keeps = co_await send(std::move(response));
  claim_.set(0);
  if (keeps) co_return true;
  co_await linger();
  co_return false;
}

/// Nothing more is made of the text than what one piece has until that has gone out.
asio::awaitable<bool> Connection::serve_page(const Page& page) {
  auto& head = parser_.head();
  auto planned = shared_.dispatcher.plan_page(head, page, address_);
  auto* plan = std::get_if<PagePlan>(&planned);
  if (!plan) co_return co_await send(std::move(std::get<Response>(planned)));
  if (auto admitted = belong_to(plan->caller.name); !admitted)
    co_return co_await send(problem_response(admitted.error()));
  struct UnderWay {
    std::map<std::string, std::size_t>& pages;
    std::map<std::string, std::size_t>::iterator own;
    UnderWay(std::map<std::string, std::size_t>& all, const std::string& caller)
        : pages(all), own(all.try_emplace(caller).first) {
      ++own->second;
    }
    ~UnderWay() {
      if (--own->second == 0) pages.erase(own);
    }
  } under_way(shared_.pages, plan->caller.name);
  if (under_way.own->second > shared_.limits.pages_per_caller)
    co_return co_await send(problem_response(
        Error(Errc::unavailable, fmt::format("this token reads {} pages already: try again later",
                                             shared_.limits.pages_per_caller))));
  auto opened = page.open(plan->parameters);
  if (!opened) co_return co_await send(problem_response(opened.error()));
  auto source = *std::move(opened);
  ends_when_dismissed_ = true;
  bool keeps = head.is_http_1_1 && head.keeps_alive && parser_.is_done() && !shared_.is_stopping;
  Response response{200, page.content_type, {}, {}, true, head.is_http_1_1};
  Pace going(shared_.limits.transfer, shared_.limits.page_bytes_per_second);
  auto out = response.head(keeps);
  for (bool is_end = head.verb == "HEAD"; !is_end || !out.empty();) {
    auto sent = co_await write_in_time(out, going);
    if (!sent) co_return false;
    out.clear();
    if (is_end) continue;
    co_await wait_for_turn();
    auto piece = co_await source->next();
    if (!piece) co_return false;
    is_end = piece->empty();
    out = response.is_chunked ? chunk(*piece) : *std::move(piece);
  }
  co_return keeps;
}

asio::awaitable<void> Connection::serve_events() {
  auto planned = shared_.dispatcher.plan_events(parser_.head(), address_);
  auto* plan = std::get_if<EventsPlan>(&planned);
  if (!plan) {
    co_await send(std::move(std::get<Response>(planned)));
    co_return;
  }
  auto sound = check_upgrade(parser_.head());
  if (sound) sound = belong_to(plan->caller.name);
  if (!sound) {
    co_await send(problem_response(sound.error()));
    co_return;
  }
  auto subscribed = shared_.events.subscribe(std::move(plan->topics), plan->since);
  if (!subscribed) {
    co_await send(problem_response(subscribed.error()));
    co_return;
  }
  shared_.dispatcher.use_ticket(plan->ticket);
  is_idle_ = true;
  is_listening_ = true;
  allow_any_time();
  auto socket = run_websocket(*stream_, parser_.head(), *std::move(subscribed));
  co_await std::move(socket);
}

Task<std::string> Connection::read_body() {
  std::string piece;
  bool needs_more = false;  // what is in buffer_ is the beginning of a chunk's head
  while (!parser_.is_done()) {
    if (buffer_.empty() || needs_more) {
      CO_TRYV(co_await fill_in_time());
      if (buffer_.size() > RequestParser::header_limit + block_size)
        co_return Error(Errc::too_large, "a chunk's head is too large");
    }
    std::string_view bytes = buffer_;
    CO_TRYV(parser_.feed_body(bytes, piece));
    auto taken = buffer_.size() - bytes.size();
    buffer_.erase(0, taken);
    needs_more = taken == 0;
    if (!piece.empty()) co_return piece;
  }
  co_return piece;
}

Task<> Connection::fill_in_time() {
  auto allowance = coming_.allowance();
  if (allowance <= steady_clock::duration::zero())
    co_return Error(Errc::timeout, "the body comes too slowly");
  allow(allowance);
  auto had = buffer_.size();
  auto before = steady_clock::now();
  auto came = co_await fill(block_size);
  coming_.moved(buffer_.size() - had, steady_clock::now() - before);
  allow_any_time();
  if (!came || !*came)
    co_return Error(Errc::unavailable, "the body ended before its length, or came too slowly");
  co_return Result<>();
}

asio::awaitable<Response> Connection::answer(const Plan& plan) {
  auto& head = parser_.head();
  auto& row = plan.operation->row();
  auto* structure = plan.operation->request().structure;
  std::optional<JsonBody> body(std::in_place, structure ? structure() : nullptr, row.http.wrapper);
  if (head.has_body) {
    if (row.is_anonymous)
      co_return problem_response(
          Error(Errc::too_large, "nothing may be sent here without a token"));
    if (head.content_length && *head.content_length > row.body_limit)
      co_return problem_response(
          Error(Errc::too_large, fmt::format("the body may be {} bytes", row.body_limit)));
    parser_.limit_body(row.body_limit);
    if (head.expects_continue && buffer_.empty()) {
      auto sent = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n");
      if (!sent) co_return problem_response(sent.error());
    }
    ends_when_dismissed_ = true;
    for (;;) {
      auto piece = co_await read_body();
      if (!piece) co_return problem_response(piece.error());
      if (piece->empty()) break;
      if (body->weight() > 0) co_await wait_for_turn();
      if (auto fed = body->feed(*piece); !fed) co_return problem_response(fed.error());
      auto weight = to_claim(body->weight());
      if (shared_.budget && weight > shared_.budget->limit())
        co_return problem_response(
            Error(Errc::too_large,
                  "it takes more memory than there is for all requests together "
                  "([limits] outsiders_megabytes); an upload is stored as it comes"));
      if (!claim_.set(weight)) co_return problem_response(memory_is_short());
    }
  }
  ends_when_dismissed_ = false;
  if (auto complete = body->finish(); !complete) co_return problem_response(complete.error());
  auto request = shared_.dispatcher.prepare(plan, *body);
  if (!request) co_return problem_response(request.error());
  body.reset();
  std::uint64_t expected = 0;
  if (claim_.bytes() > 0) expected = plan.operation->request().weight(request->get());
  if (auto last = shared_.took.find(plan.operation);
      last != shared_.took.end() && !row.ends_with_caller)
    expected = std::max(expected, last->second);
  if (!claim_.set(expected)) co_return problem_response(memory_is_short());
  auto task = run_operation(plan, *std::move(request), nullptr);
  co_return co_await std::move(task);
}

asio::awaitable<Response> Connection::answer_upload(const Plan& plan) {
  auto& head = parser_.head();
  auto limit = plan.operation->row().body_limit;
  if (head.content_length && *head.content_length > limit)
    co_return problem_response(
        Error(Errc::too_large, fmt::format("the body may be {} bytes", limit)));
  parser_.limit_body(limit);
  JsonBody none(nullptr, {});
  auto request = shared_.dispatcher.prepare(plan, none);
  if (!request) co_return problem_response(request.error());
  if (head.expects_continue && buffer_.empty()) {
    auto sent = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n");
    if (!sent) co_return problem_response(sent.error());
  }
  Body body(*this);
  ends_when_dismissed_ = true;
  auto task = run_operation(plan, *std::move(request), &body);
  co_return co_await std::move(task);
}

asio::awaitable<Response> Connection::run_operation(const Plan& plan, ops::Prepared request,
                                                    ops::BodySource* body) {
  auto& row = plan.operation->row();
  co_await wait_for_turn();
  const Error ended(Errc::unauthorized, "this token has ended meanwhile");
  if (is_dismissed_ && !row.is_anonymous) co_return problem_response(ended);
  ends_when_dismissed_ = ends_when_dismissed_ || row.ends_with_caller;
  try {
    auto task = plan.operation->run(std::move(request), plan.caller, body);
    if (auto limit = time_limit(*plan.operation, shared_.limits))
      task = with_timeout(std::move(task), *limit, plan.operation->full_name());
    if (row.ends_with_caller)
      task = unless(wait_for_hang_up(), std::move(task), Error(Errc::unavailable, "hung up"));
    auto reply = co_await std::move(task);
    // A change was made and is answered, perhaps this: that the token is removed.
    if (row.is_change() || row.is_anonymous) is_dismissed_ = ends_when_dismissed_ = false;
    if (is_dismissed_) co_return problem_response(ended);
    if (!reply) co_return problem_response(reply.error());
    auto response = json_response(row.http.status, *reply);
    auto holds = response.body.size() + (response.more ? response.more->weight() : 0);
    if (response.more)
      shared_.took[plan.operation] = holds;
    else
      shared_.took.erase(plan.operation);
    if (!claim_.set(to_claim(holds))) co_return problem_response(memory_is_short());
    co_return response;
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;
    co_return problem_response(Error(Errc::internal, e.what()));
  } catch (const std::exception& e) {
    co_return problem_response(Error(Errc::internal, e.what()));
  }
}

/// What it sends ahead, its next requests, is kept; within limits.
asio::awaitable<void> Connection::wait_for_hang_up() {
  while (buffer_.size() < RequestParser::header_limit) {
    auto came = co_await fill(head_block_size);
    if (!came || !*came) co_return;
  }
  co_await pause(shared_.limits.upload);
}

asio::awaitable<bool> Connection::send(Response response) {
  auto& head = parser_.head();
  bool keeps = head.keeps_alive && parser_.is_done() && !shared_.is_stopping &&
               (head.is_http_1_1 || !response.is_streamed);
  response.is_chunked = response.is_streamed && head.is_http_1_1;
  auto wrapped = [&](std::string_view bytes) {
    return response.is_chunked && !bytes.empty() ? chunk(bytes) : std::string(bytes);
  };
  Pace going(shared_.limits.transfer, shared_.limits.bytes_per_second);
  bool has_body = head.verb != "HEAD";
  auto out = response.head(keeps);
  if (has_body) out += wrapped(response.body);
  std::string().swap(response.body);
  for (;;) {
    if (!co_await write_in_time(out, going)) co_return false;
    if (!has_body || !response.is_streamed) break;
    co_await wait_for_turn();
    if (is_dismissed_) {
      stream_->close();
      co_return false;
    }
    std::string piece;
    bool has_more = response.more->next(piece, piece_size);
    out = wrapped(piece);
    if (has_more) continue;
    if (response.is_chunked) out += chunk({});
    response.is_streamed = false;
  }
  co_return keeps;
}

asio::awaitable<bool> Connection::write_in_time(std::string_view bytes, Pace& pace) {
  while (!bytes.empty()) {
    auto allowance = pace.allowance();
    if (allowance <= steady_clock::duration::zero()) {
      stream_->close();
      co_return false;
    }
    allow(allowance);
    auto part = bytes.substr(0, block_size);
    auto before = steady_clock::now();
    auto sent = co_await stream_->write(part);
    if (!sent) co_return false;
    pace.moved(part.size(), steady_clock::now() - before);
    bytes.remove_prefix(part.size());
  }
  co_return true;
}

/// A client that still sends would get a reset instead of the answer, so a little more is read.
asio::awaitable<void> Connection::linger() {
  constexpr std::chrono::seconds patience{2};
  constexpr int blocks = 64;
  allow(patience);
  co_await stream_->shutdown();
  block_.resize(block_size);
  for (int i = 0; i < blocks; ++i) {
    auto came = co_await stream_->read(asio::buffer(block_));
    if (!came || *came == 0) co_return;
  }
}

}  // namespace muster::doors::rest
