#pragma once

#include "services/alarms/webhook_types.h"
#include "store/cipher.h"
#include "store/database.h"

namespace muster::alarms {

/// One row of `alarm_webhooks`, its secret opened.
struct WebhookRow {
  WebhookView view;
  Secret secret;
};

/// A letter that waits in `alarm_outbox`.
struct Letter {
  std::int64_t number = 0;
  std::string body;
};

/// The table `alarm_webhooks` and the reading side of `alarm_outbox`. Secrets are encrypted.
class WebhookRows {
 public:
  WebhookRows(store::Database& database, const store::Cipher& cipher)
      : database_(database), cipher_(cipher) {}

  Task<std::vector<WebhookRow>> all();
  Task<> insert(const WebhookRow& row);
  /// With all that waits for it.
  Task<> remove(std::string id);
  /// The next that wait, at most 50: the oldest of each node (or family), then the second of each,
  /// so that one with thousands delays no other.
  Task<std::vector<Letter>> waiting(std::string webhook);
  /// Confirmed by the receiver, or given up.
  Task<> done(std::string webhook, std::int64_t number, bool was_sent);
  /// With their URLs.
  Task<std::vector<WebhookView>> views();

 private:
  static std::string owner(const std::string& id) { return "alarm_webhooks/" + id + "/secret"; }

  store::Database& database_;
  const store::Cipher& cipher_;
};

}  // namespace muster::alarms
