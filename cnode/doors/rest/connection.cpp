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

/// Counts bytes that are held in memory for one request.
class Held {
 public:
  explicit Held(std::uint64_t& total) : total_(total) {}
  Held(const Held&) = delete;
  ~Held() { total_ -= own_; }
  bool add(std::uint64_t count, std::uint64_t limit) {
    if (total_ + count > limit) return false;
    total_ += count;
    own_ += count;
    return true;
  }

 private:
  std::uint64_t& total_;
  std::uint64_t own_ = 0;
};

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

Connection::Connection(std::unique_ptr<Stream> stream, std::string address, Shared& shared)
    : stream_(std::move(stream)),
      address_(std::move(address)),
      shared_(shared),
      watchdog_(stream_->executor()) {}

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
  auto& head = parser_.head();
  if (head.is_upgrade && head.path() == events_path) {
    co_await serve_events();
    co_return false;
  }
  if (auto* page = shared_.dispatcher.find_page(head)) {
    auto served = serve_page(*page);
    co_return co_await std::move(served);
  }
  body_bytes_ = 0;
  body_time_ = {};
  auto started = steady_clock::now();
  auto planned = shared_.dispatcher.plan(head, address_);
  auto* plan = std::get_if<Plan>(&planned);
  if (plan && !plan->operation->row().is_anonymous) is_trusted_ = true;
  Response response;
  if (plan) {
    auto task = plan->operation->is_upload() ? answer_upload(*plan) : answer(*plan);
    response = co_await std::move(task);
  } else {
    response = std::move(std::get<Response>(planned));
  }
  log::debug(
      "rest: {} {} {}: {} in {} ms", plan ? plan->caller.name : "?", head.verb, head.path(),
      response.status,
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - started).count());
  if (co_await send(std::move(response))) co_return true;
  co_await linger();
  co_return false;
}

/// A client that reads too slowly is left after `transfer` without progress. Nothing more is made
/// of the text than what one piece has until that has gone out.
asio::awaitable<bool> Connection::serve_page(const Page& page) {
  auto& head = parser_.head();
  auto planned = shared_.dispatcher.plan_page(head, page, address_);
  auto* parameters = std::get_if<Parameters>(&planned);
  if (!parameters) co_return co_await send(std::move(std::get<Response>(planned)));
  is_trusted_ = true;
  auto opened = page.open(*parameters);
  if (!opened) co_return co_await send(problem_response(opened.error()));
  auto source = *std::move(opened);
  bool keeps = head.is_http_1_1 && head.keeps_alive && parser_.is_done() && !shared_.is_stopping;
  Response response{200, page.content_type, {}, {}, true};
  auto out = response.head(keeps);
  for (bool is_end = head.verb == "HEAD"; !is_end || !out.empty();) {
    allow(shared_.limits.transfer);
    auto sent = co_await stream_->write(out);
    if (!sent) co_return false;
    out.clear();
    if (is_end) continue;
    auto piece = co_await source->next();
    if (!piece) co_return false;
    is_end = piece->empty();
    out = keeps ? fmt::format("{:x}\r\n{}\r\n", piece->size(), *piece) : *std::move(piece);
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
  auto subscribed = shared_.events.subscribe(std::move(plan->topics), plan->since);
  if (!subscribed) {
    co_await send(problem_response(subscribed.error()));
    co_return;
  }
  is_idle_ = is_trusted_ = true;
  listener_ = std::move(plan->caller.name);
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
    body_bytes_ += taken;
    buffer_.erase(0, taken);
    needs_more = taken == 0;
    if (!piece.empty()) co_return piece;
  }
  co_return piece;
}

/// Slow senders are allowed `transfer` plus what the least rate takes for what has come.
Task<> Connection::fill_in_time() {
  auto& limits = shared_.limits;
  auto rated = std::chrono::seconds(body_bytes_ / limits.bytes_per_second);
  auto allowance = limits.transfer + rated - body_time_;
  if (allowance <= steady_clock::duration::zero())
    co_return Error(Errc::timeout, "the body comes too slowly");
  allow(std::min<steady_clock::duration>(allowance, limits.transfer));
  auto before = steady_clock::now();
  auto came = co_await fill(block_size);
  body_time_ += steady_clock::now() - before;
  allow_any_time();
  if (!came || !*came)
    co_return Error(Errc::unavailable, "the body ended before its length, or came too slowly");
  co_return Result<>();
}

asio::awaitable<Response> Connection::answer(const Plan& plan) {
  auto& head = parser_.head();
  auto limit = plan.operation->row().body_limit;
  auto* structure = plan.operation->request().structure;
  JsonBody body(structure ? structure() : nullptr, plan.operation->row().http.wrapper);
  Held held(shared_.held);
  if (head.has_body) {
    if (head.content_length && *head.content_length > limit)
      co_return problem_response(
          Error(Errc::too_large, fmt::format("the body may be {} bytes", limit)));
    parser_.limit_body(limit);
    if (head.expects_continue && buffer_.empty()) {
      auto sent = co_await stream_->write("HTTP/1.1 100 Continue\r\n\r\n");
      if (!sent) co_return problem_response(sent.error());
    }
    for (;;) {
      auto piece = co_await read_body();
      if (!piece) co_return problem_response(piece.error());
      if (piece->empty()) break;
      if (!held.add(piece->size(), shared_.limits.held))
        co_return problem_response(
            Error(Errc::unavailable, "too many large bodies at once: try again later"));
      if (auto fed = body.feed(*piece); !fed) co_return problem_response(fed.error());
    }
  }
  if (auto complete = body.finish(); !complete) co_return problem_response(complete.error());
  auto request = shared_.dispatcher.prepare(plan, body);
  if (!request) co_return problem_response(request.error());
  allow_any_time();
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
  allow_any_time();
  Body body(*this);
  auto task = run_operation(plan, *std::move(request), &body);
  co_return co_await std::move(task);
}

asio::awaitable<Response> Connection::run_operation(const Plan& plan, ops::Prepared request,
                                                    ops::BodySource* body) {
  auto& row = plan.operation->row();
  std::exception_ptr bug;
  try {
    auto task = plan.operation->run(std::move(request), plan.caller, body);
    if (auto limit = time_limit(*plan.operation, shared_.limits))
      task = with_timeout(std::move(task), *limit, plan.operation->full_name());
    if (row.ends_with_caller)
      task = unless(wait_for_hang_up(), std::move(task), Error(Errc::unavailable, "hung up"));
    auto reply = co_await std::move(task);
    if (!reply) co_return problem_response(reply.error());
    co_return json_response(row.http.status, reply->json());
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
  bool keeps = head.keeps_alive && parser_.is_done() && !shared_.is_stopping;
  std::string out = response.head(keeps);
  if (head.verb != "HEAD") out += response.body;
  std::string_view rest = out;
  while (!rest.empty()) {
    allow(shared_.limits.transfer);
    auto part = rest.substr(0, block_size);
    auto sent = co_await stream_->write(part);
    if (!sent) co_return false;
    rest.remove_prefix(part.size());
  }
  co_return keeps;
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
