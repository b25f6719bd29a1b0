#include "drivers/ssh/login.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

#include "base/timeout.h"
#include "drivers/shell.h"
#include "drivers/ssh/agent.h"
#include "drivers/ssh/keys.h"
#include "drivers/ssh/wire.h"

namespace muster::drivers::ssh {
namespace {

using asio::ip::tcp;

Error unreachable(const SshTarget& target, const boost::system::error_code& ec) {
  if (ec == asio::error::operation_aborted) throw boost::system::system_error(ec);
  auto why = ec.message();
  if (ec == asio::error::connection_refused) why = "nothing listens there; is sshd running?";
  if (ec == asio::error::host_not_found) why = "there is no such host name";
  return Error(Errc::unavailable, fmt::format("host {} cannot be reached on port {}: {}",
                                              target.host, target.port, why));
}

Task<tcp::socket> dial(SshTarget target, Resolver& names) {
  auto addresses = co_await names.resolve(target.host);
  if (!addresses && addresses.error().errc() == Errc::timeout)
    co_return unreachable(target, asio::error::host_not_found_try_again);
  if (!addresses) co_return unreachable(target, asio::error::host_not_found);
  std::vector<tcp::endpoint> endpoints;
  for (const auto& address : *addresses) endpoints.emplace_back(address, target.port);
  tcp::socket socket(co_await asio::this_coro::executor);
  auto [ec, endpoint] =
      co_await asio::async_connect(socket, endpoints, asio::as_tuple(asio::use_awaitable));
  if (ec) co_return unreachable(target, ec);
  co_return socket;
}

/// No group exchange: there the host chooses how much the arithmetic costs us.
void prefer(LIBSSH2_SESSION* raw, const std::string& known_type) {
  libssh2_session_method_pref(
      raw, LIBSSH2_METHOD_KEX,
      "curve25519-sha256,curve25519-sha256@libssh.org,ecdh-sha2-nistp256,ecdh-sha2-nistp384,"
      "diffie-hellman-group14-sha256");
  std::string types =
      "ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,ssh-rsa";
  // A host known by one key is not asked for another.
  if (!known_type.empty()) types = known_type + "," + types;
  libssh2_session_method_pref(raw, LIBSSH2_METHOD_HOSTKEY, types.c_str());
  for (int way : {LIBSSH2_METHOD_CRYPT_CS, LIBSSH2_METHOD_CRYPT_SC})
    libssh2_session_method_pref(raw, way, "aes128-ctr,aes192-ctr,aes256-ctr");
}

std::optional<HostKey> host_key(LIBSSH2_SESSION* raw) {
  std::size_t length = 0;
  int type = 0;
  const char* bytes = libssh2_session_hostkey(raw, &length, &type);
  if (bytes == nullptr) return std::nullopt;
  HostKey key{{}, std::string(bytes, length)};
  const auto name = WireReader(key.bytes).string();
  if (!name) return std::nullopt;
  key.type = std::string(*name);
  return key;
}

/// A signature that somebody else makes: libssh2 asks for it in the middle of a call, which then
/// gives `wanted` to us and is made again when the signature is there.
struct Signing {
  static constexpr long wanted = 1;
  std::string data;
  std::optional<std::string> signature;

  static LIBSSH2_USERAUTH_PUBLICKEY_SIGN_FUNC(sign) {
    (void)session;
    auto* self = static_cast<Signing*>(*abstract);
    if (!self->signature) {
      self->data.assign(reinterpret_cast<const char*>(data), data_len);
      return LIBSSH2_ERROR_EAGAIN;
    }
    *sig_len = self->signature->size();
    *sig = static_cast<unsigned char*>(std::malloc(*sig_len));
    if (*sig == nullptr) return LIBSSH2_ERROR_ALLOC;
    std::memcpy(*sig, self->signature->data(), *sig_len);
    return 0;
  }
};

/// True when the host let us in; false when it does not want this key.
Task<bool> show_file(std::shared_ptr<Session> session, std::string user, std::string file) {
  auto attempt = [&] {
    return static_cast<long>(libssh2_userauth_publickey_fromfile_ex(
        session->raw(), user.data(), static_cast<unsigned>(user.size()), nullptr, file.c_str(),
        ""));
  };
  const long code = co_await session->perform(attempt);
  if (session->is_lost()) co_return session->reason("log in");
  if (code == LIBSSH2_ERROR_FILE || code == LIBSSH2_ERROR_METHOD_NONE)
    co_return Error(Errc::bad_request,
                    "the SSH private key file cannot be used: it must be readable for the daemon, "
                    "without a passphrase (give those to ssh-agent), best of type ed25519");
  co_return code == 0;
}

Task<bool> show_agent_key(std::shared_ptr<Session> session, std::string user, Agent agent,
                          std::string key) {
  Signing signing;
  void* state = &signing;
  auto attempt = [&]() -> long {
    const int code = libssh2_userauth_publickey(session->raw(), user.c_str(),
                                                reinterpret_cast<const unsigned char*>(key.data()),
                                                key.size(), Signing::sign, &state);
    const bool wants = code == LIBSSH2_ERROR_EAGAIN && !signing.data.empty() && !signing.signature;
    return wants ? Signing::wanted : code;
  };
  long code = co_await session->perform(attempt);
  if (code == Signing::wanted) {
    CO_TRY(auto whole, co_await agent.sign(key, signing.data));
    WireReader reader(whole);
    reader.string();  // its type
    const auto bytes = reader.string();
    if (!bytes) co_return Error(Errc::unavailable, "ssh-agent gave a signature that is none");
    signing.signature.emplace(*bytes);
    code = co_await session->perform(attempt);
  }
  if (session->is_lost()) co_return session->reason("log in");
  co_return code == 0;
}

/// libssh2 1.10 cannot make RSA signatures that OpenSSH 8.8 takes, nor those of security keys.
bool can_show(const std::string& key) {
  const auto type = WireReader(key).string();
  return type && (*type == "ssh-ed25519" || type->starts_with("ecdsa-sha2-nistp"));
}

Task<> authenticate(std::shared_ptr<Session> session, SshTarget target, Identity identity) {
  std::string shown;
  if (!identity.key.empty()) {
    CO_TRY(const bool is_in, co_await show_file(session, target.user, identity.key.string()));
    if (is_in) co_return Result<>{};
    if (auto line = public_line_of(identity.key)) shown = *line;
  }
  if (!identity.agent.empty()) {
    Agent agent(identity.agent);
    auto keys = co_await agent.keys();
    int left = 4;  // sshd hangs up after six
    for (std::size_t i = 0; keys && i < keys->size() && left > 0; ++i) {
      if (!can_show((*keys)[i])) continue;
      --left;
      auto is_in = co_await show_agent_key(session, target.user, agent, (*keys)[i]);
      if (is_in && *is_in) co_return Result<>{};
      if (session->is_lost()) co_return std::move(is_in).error();
    }
  }
  co_return Error(
      Errc::forbidden,
      fmt::format(
          "host {} refused our key for user {}: add this public key to ~{}/.ssh/authorized_keys "
          "there: {}",
          target.host, target.user, target.user, shown.empty() ? "(no key)" : shown));
}

Task<> shake_hands(std::shared_ptr<Session> session, SshTarget target, KnownHosts& known) {
  prefer(session->raw(), known.type_of(target.host, target.port));
  auto attempt = [&] {
    return static_cast<long>(libssh2_session_handshake(session->raw(), session->descriptor()));
  };
  const long code = co_await session->perform(attempt);
  if (code != 0) {
    auto error = session->reason("SSH handshake");
    if (code == LIBSSH2_ERROR_KEX_FAILURE || code == LIBSSH2_ERROR_METHOD_NONE)
      co_return Error(Errc::unsupported, error.message + " (no algorithm in common)");
    co_return error;
  }
  const auto key = host_key(session->raw());
  if (!key) co_return Error(Errc::unavailable, "host " + target.host + " showed no key");
  co_return known.check(target.host, target.port, *key);
}

}  // namespace

Task<std::shared_ptr<Session>> log_in(SshTarget target, Identity identity, KnownHosts& known,
                                      Resolver& names) {
  auto limit = std::chrono::seconds(10);
  auto connecting =
      fmt::format("host {} on port {}: is the address right, does a firewall drop it? connect",
                  target.host, target.port);
  CO_TRY(auto socket, co_await with_timeout(dial(target, names), limit, connecting));
  auto session = std::make_shared<Session>(std::move(socket), target.host);
  limit = std::chrono::seconds(15);
  CO_TRYV(co_await with_timeout(shake_hands(session, target, known), limit,
                                "SSH handshake with host " + target.host));
  limit = std::chrono::seconds(30);
  CO_TRYV(co_await with_timeout(authenticate(session, target, std::move(identity)), limit,
                                "log in on host " + target.host));
  session->let_in();
  co_return session;
}

}  // namespace muster::drivers::ssh
