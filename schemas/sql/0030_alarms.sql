-- Alarms: the current ones and the newest past ones, each a document with what the filters need beside it.
CREATE TABLE alarms (
  id         TEXT PRIMARY KEY,                   -- UUID
  condition  TEXT NOT NULL,
  node_id    TEXT,                               -- kept when the node is gone
  node_name  TEXT,
  family_id  TEXT,
  family     TEXT,
  source     TEXT NOT NULL,
  severity   INTEGER NOT NULL,                   -- 0 indeterminate … 4 critical
  state      TEXT NOT NULL,
  tags       TEXT NOT NULL,                      -- ",dev,op,"
  cleared_at INTEGER,                            -- NULL: current
  document   TEXT NOT NULL                       -- JSON
) STRICT;

CREATE INDEX alarms_past ON alarms (cleared_at, id);

-- Rules that users made: JSON, as alarms.add_rule took them.
CREATE TABLE alarm_rules (
  id       TEXT PRIMARY KEY,
  document TEXT NOT NULL
) STRICT;

-- Who is told by HTTP.
CREATE TABLE alarm_webhooks (
  id       TEXT PRIMARY KEY,
  url      TEXT NOT NULL,
  secret   BLOB NOT NULL,                        -- encrypted
  severity INTEGER NOT NULL,                     -- this and worse
  added_at INTEGER NOT NULL,
  sent     INTEGER NOT NULL DEFAULT 0,
  dropped  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- What a receiver has not confirmed yet, written with the alarm itself.
CREATE TABLE alarm_outbox (
  number     INTEGER PRIMARY KEY AUTOINCREMENT,
  webhook_id TEXT NOT NULL REFERENCES alarm_webhooks (id) ON DELETE CASCADE,
  body       TEXT NOT NULL
) STRICT;

CREATE INDEX alarm_outbox_by_webhook ON alarm_outbox (webhook_id, number);
