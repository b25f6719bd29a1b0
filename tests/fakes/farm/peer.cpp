#include "peer.h"

#include <openssl/evp.h>

#include "etf/decode.h"
#include "etf/encode.h"

namespace muster::farm {
namespace {

using etf::atom;
using etf::Term;

constexpr std::uint64_t flags =
    0xd'074f'5fbd;  // those of the daemon, and published: a node for all to see
constexpr std::size_t largest_frame = 16 << 20;
constexpr std::uint32_t first_process = 100;  ///< lower ids are agents'

template <int bytes>
void put(std::string& out, std::uint64_t value) {
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
}

template <int bytes>
std::uint64_t get(std::string_view in) {
  std::uint64_t value = 0;
  for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<unsigned char>(in[i]);
  return value;
}

std::string digest(const std::string& cookie, std::uint32_t challenge) {
  const std::string text = cookie + std::to_string(challenge);
  std::string result(16, '\0');
  EVP_Digest(text.data(), text.size(), reinterpret_cast<unsigned char*>(result.data()), nullptr,
             EVP_md5(), nullptr);
  return result;
}

}  // namespace

bool Peer::receive(std::string_view bytes) {
  if (liar_ && liar_->lie() == Liar::Lie::mute) return true;
  input_ += bytes;
  std::string_view rest = input_;
  while (true) {
    const std::size_t prefix = state_ == State::up || is_tls_ ? 4 : 2;
    if (rest.size() < prefix) break;
    const std::size_t length = prefix == 4 ? get<4>(rest) : get<2>(rest);
    if (length > largest_frame) return false;
    if (rest.size() < prefix + length) break;
    const auto message = rest.substr(prefix, length);
    rest.remove_prefix(prefix + length);
    if (state_ == State::up) {
      if (!message.empty() && !take_frame(message)) return false;
    } else if (state_ == State::name ? !take_name(message) : !take_reply(message)) {
      return false;
    }
  }
  input_.erase(0, input_.size() - rest.size());
  if (input_.empty()) input_.shrink_to_fit();
  return true;
}

void Peer::tick() {
  if (is_up() && !has_written_) put<4>(output_, 0);
  has_written_ = false;
}

/// Of a handshake message.
void Peer::put_length(std::size_t length) {
  if (is_tls_) return put<4>(output_, length);
  put<2>(output_, length);
}

bool Peer::act() {
  if (!liar_ || !is_up() || output_.size() > (4u << 20)) return true;
  auto turn = liar_->act();
  for (auto& message : turn.messages)
    send(message.control, message.payload ? &*message.payload : nullptr);
  output_ += turn.raw;
  return !turn.hangs_up;
}

bool Peer::take_name(std::string_view message) {
  if (message.size() < 15 || message[0] != 'N') return false;
  put_length(3);
  output_ += "sok";
  const auto name = node_.name();
  challenge_ = node_.number * 2654435761U;
  put_length(19 + name.size());
  output_ += 'N';
  put<8>(output_, flags);
  put<4>(output_, challenge_);
  put<4>(output_, node_.number);  // its creation
  put<2>(output_, name.size());
  output_ += name;
  state_ = State::reply;
  return true;
}

bool Peer::take_reply(std::string_view message) {
  if (message.size() != 21 || message[0] != 'r' || message.substr(5) != digest(cookie_, challenge_))
    return false;
  put_length(17);
  output_ += 'a' + digest(cookie_, static_cast<std::uint32_t>(get<4>(message.substr(1))));
  state_ = State::up;
  return true;
}

bool Peer::take_frame(std::string_view frame) {
  if (frame.size() < 2 || get<2>(frame) != (112 << 8 | 131)) return false;
  frame.remove_prefix(2);
  const auto control = etf::decode_front(frame);
  const auto* tuple = control ? control->get_if<etf::Tuple>() : nullptr;
  if (tuple == nullptr || tuple->elements.empty()) return false;
  Term payload;
  if (!frame.empty()) {
    frame.remove_prefix(1);
    auto decoded = etf::decode(frame);
    if (!decoded) return false;
    payload = std::move(*decoded);
  }
  const auto& elements = tuple->elements;
  const auto* operation = elements[0].get_if<std::int64_t>();
  if (operation == nullptr) return false;
  if (*operation == 29 && elements.size() == 6) return take_spawn(elements, payload);
  if (*operation == 19 && elements.size() == 4 && !elements[2].is_atom("net_kernel")) {
    const auto* pid = elements[2].get_if<etf::Pid>();
    if (pid != nullptr && pid->id < first_process) return true;
    // MONITOR_P of what does not exist.
    const Term reason = atom("noproc");
    send(etf::tuple(28, elements[2], elements[1], elements[3]), &reason);
  }
  if (*operation == 6 && elements.size() == 4 && elements[3].is_atom("net_kernel"))
    take_ping(payload);
  return true;
}

bool Peer::take_spawn(const std::vector<Term>& control, const Term& arguments) {
  const auto* mfa = control[4].tuple(3);
  std::vector<Term> options, given;
  if (mfa == nullptr || !control[5].proper_list(options) || !arguments.proper_list(given))
    return false;
  const Term pid = fresh_pid();
  const bool is_monitored = !options.empty() && options[0].is_atom("monitor");
  send(etf::tuple(31, control[1], control[2], is_monitored ? 2 : 0, pid));
  if (!is_monitored) return true;
  Term reason = atom("normal");
  std::string module, function;
  std::vector<Term> inner;
  if ((*mfa)[1].is_atom("execute_call") && given.size() == 4 && given[1].text(module) &&
      given[2].text(function) && given[3].proper_list(inner)) {
    etf::Tuple outcome{{given[0]}};
    auto value = liar_ ? liar_->answer(module, function, inner) : std::nullopt;
    if (!value) value = agent_call(module, function, inner);
    if (value) {
      outcome.elements.push_back(atom("return"));
      outcome.elements.push_back(std::move(*value));
    } else {
      for (auto& part : call(node_, module, function, inner))
        outcome.elements.push_back(std::move(part));
    }
    reason = std::move(outcome);
  }
  send(etf::tuple(28, pid, control[2], control[1]), &reason);
  return true;
}

/// What a node that runs muster_agents answers to how agents are found and started; nothing for
/// other calls. Only the agent `metrics` ever says anything.
std::optional<Term> Peer::agent_call(const std::string& module, const std::string& function,
                                     const std::vector<Term>& arguments) {
  if (collection_ == nullptr) return std::nullopt;
  if (module == "application" && function == "which_applications" && arguments.empty()) {
    const auto text = [](const std::string& bytes) { return Term(etf::CharList{bytes}); };
    return etf::list(
        etf::tuple(atom("muster_agents"), text("agents"), text(collection_->version())));
  }
  const auto* options = arguments.size() == 1 ? arguments[0].get_if<etf::Map>() : nullptr;
  const auto* daemon = options != nullptr ? options->find("pid") : nullptr;
  if (!module.starts_with("muster_agent_") || function != "start" || daemon == nullptr)
    return std::nullopt;
  const Term agent = etf::Pid{{node_.name()}, 1 + agents_++ % (first_process - 1), 0, node_.number};
  run_agent(module.substr(std::string_view("muster_agent_").size()), *options, agent);
  return etf::tuple(atom("ok"), agent);
}

void Peer::run_agent(const std::string& name, const etf::Map& options, const Term& agent) {
  const auto& daemon = *options.find("pid");
  if (liar_) return liar_->leased(name, daemon, agent);
  if (name == "metrics") {
    const auto* every = options.find("interval_ms");
    const auto* ms = every != nullptr ? every->get_if<std::int64_t>() : nullptr;
    lease_ = Lease{daemon, agent, std::chrono::milliseconds(ms != nullptr ? *ms : 10000),
                   std::chrono::steady_clock::now()};
  }
  if (name == "notifications" && says_entries_) {
    entries_daemon_ = daemon;
    entries_agent_ = agent;
  }
}

void Peer::collect(std::chrono::steady_clock::time_point now) {
  if (!lease_ || now < lease_->next) return;
  lease_->next += lease_->interval;
  const auto clock = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(clock).count();
  const Term message =
      etf::tuple(atom("muster_agent"), atom("metrics"), lease_->agent,
                 collection_->sample(node_.number, lease_->round++, ms, lease_->interval.count()));
  send(etf::tuple(22, lease_->agent, lease_->daemon), &message);
  if (!entries_daemon_) return;
  etf::Map entry;
  entry.pairs = {{atom("severity"), atom("error")},
                 {atom("source"), atom("logger")},
                 {atom("text"), etf::binary("entry " + std::to_string(lease_->round))}};
  etf::Map body;
  body.pairs = {{atom("entries"), etf::list(Term(std::move(entry)))}};
  const Term said =
      etf::tuple(atom("muster_agent"), atom("notifications"), *entries_agent_, std::move(body));
  send(etf::tuple(22, *entries_agent_, *entries_daemon_), &said);
}

/// net_adm:ping asks net_kernel {is_auth, Node}.
void Peer::take_ping(const Term& message) {
  const auto* call = message.tuple(3);
  const auto* from = call != nullptr ? (*call)[1].tuple(2) : nullptr;
  if (from == nullptr) return;
  const Term reply = etf::tuple((*from)[1], atom("yes"));
  send(etf::tuple(22, fresh_pid(), (*from)[0]), &reply);
}

void Peer::send(const Term& control, const Term* payload) {
  std::string frame(1, 112);
  frame += etf::encode_external(control);
  if (payload != nullptr) frame += etf::encode_external(*payload);
  put<4>(output_, frame.size());
  output_ += frame;
  has_written_ = true;
}

Term Peer::fresh_pid() {
  return etf::Pid{{node_.name()}, first_process + ++processes_ % 10000, 0, node_.number};
}

}  // namespace muster::farm
