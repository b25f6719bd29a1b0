-- Tokens may expire, be bound to families, and say when they were last used.
ALTER TABLE tokens ADD COLUMN expires_at INTEGER;    -- NULL: never
ALTER TABLE tokens ADD COLUMN families TEXT NOT NULL DEFAULT '';  -- ids with a blank between; empty: not bound
ALTER TABLE tokens ADD COLUMN last_used_at INTEGER;  -- to the minute; NULL: never
