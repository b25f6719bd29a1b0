#pragma once

#include "services/alarms/alarm.h"

/// What the operations on webhooks take and give.
namespace muster::alarms {

struct AddWebhook {
  std::string url;
  Secret secret;
  std::optional<Severity> severity;

  static constexpr ops::Doc docs[] = {
      {"url",
       "http or https, not to a link-local address; gets a POST for each alarm that is raised, "
       "changes or is over"},
      {"secret",
       "at least 16 bytes; Muster-Signature is sha256= and the hex HMAC-SHA256 of the "
       "body with it"},
      {"severity", "this and worse; all when absent"}};
};
BOOST_DESCRIBE_STRUCT(AddWebhook, (), (url, secret, severity))

struct WebhookById {
  std::string id;
};
BOOST_DESCRIBE_STRUCT(WebhookById, (), (id))

/// Its URL may be a secret by itself, and its errors tell what listens where: for admins only.
struct WebhookView {
  std::string id, host;
  std::optional<std::string> url;
  Severity severity = Severity::indeterminate;
  Timestamp added_at;
  std::uint64_t sent = 0, waiting = 0;
  std::uint64_t dropped = 0;  ///< refused by the receiver (4xx), or too much waited
  std::optional<std::string> last_error;
};
BOOST_DESCRIBE_STRUCT(WebhookView, (),
                      (id, host, url, severity, added_at, sent, waiting, dropped, last_error))

/// What is sent.
struct WebhookBody {
  Action event;
  Timestamp at;
  Alarm alarm;
};
BOOST_DESCRIBE_STRUCT(WebhookBody, (), (event, at, alarm))

}  // namespace muster::alarms
