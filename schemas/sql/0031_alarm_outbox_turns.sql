-- Whose letter it is: a node's, a family's ('' the daemon's), so that nodes take turns.
ALTER TABLE alarm_outbox ADD COLUMN subject TEXT NOT NULL DEFAULT '';

DROP INDEX alarm_outbox_by_webhook;
CREATE INDEX alarm_outbox_by_subject ON alarm_outbox (webhook_id, subject, number);
