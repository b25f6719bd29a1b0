#include "drivers/ssh/names.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdint>

namespace muster::drivers::ssh {

using std::chrono::steady_clock;

struct Names::Name {
  explicit Name(const asio::any_io_executor& executor) : answered(executor) {}

  Addresses known;  ///< of the last good answer
  Error failure;    ///< the last answer, where none are known
  std::uint64_t answers = 0;
  bool is_looked_up = false;
  asio::steady_timer answered;  ///< the patience for a look-up; cancelled at its end

  void answer(Result<Addresses> found) {
    if (found) {
      known = std::move(*found);
    } else {
      // A name service that does not answer just now takes nothing away.
      if (found.error().errc() != Errc::timeout) known.clear();
      failure = std::move(found).error();
    }
    ++answers;
    is_looked_up = false;
    answered.cancel();
  }
};

Names::Names(asio::any_io_executor executor, LookUp look_up, steady_clock::duration patience)
    : executor_(std::move(executor)), look_up_(std::move(look_up)), patience_(patience) {}

Task<Names::Addresses> Names::resolve(std::string host) {
  boost::system::error_code no_address;
  auto literal = asio::ip::make_address(host, no_address);
  if (!no_address) co_return Addresses{literal};
  auto& entry = names_[host];
  if (!entry) entry = std::make_shared<Name>(executor_);
  auto name = entry;  // the answer may come when this is gone
  const auto before = name->answers;
  if (!name->is_looked_up) {
    const bool is_known = !name->known.empty();
    name->is_looked_up = true;
    name->answered.expires_at(is_known ? steady_clock::now() + patience_
                                       : steady_clock::time_point::max());
    look_up_(host, is_known, [name](Result<Addresses> found) { name->answer(std::move(found)); });
  }
  co_await name->answered.async_wait(asio::as_tuple(asio::use_awaitable));
  auto state = co_await asio::this_coro::cancellation_state;
  if (name->answers == before && state.cancelled() != asio::cancellation_type::none)
    throw boost::system::system_error(asio::error::operation_aborted);
  if (name->known.empty()) co_return name->failure;
  co_return name->known;
}

Names::LookUp system_look_up(asio::any_io_executor executor) {
  auto system = std::make_shared<SystemLookUp>(std::move(executor));
  return [system](const std::string& host, bool is_known, SystemLookUp::Done done) {
    system->begin(host, is_known, std::move(done));
  };
}

}  // namespace muster::drivers::ssh
