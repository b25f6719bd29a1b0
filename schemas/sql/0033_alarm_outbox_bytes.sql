-- How large each letter is: what waits is bounded in bytes too, and counted in the index.
ALTER TABLE alarm_outbox ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

UPDATE alarm_outbox SET bytes = length(CAST(body AS BLOB));

DROP INDEX alarm_outbox_by_subject;
CREATE INDEX alarm_outbox_by_subject ON alarm_outbox (webhook_id, subject, number, bytes);
