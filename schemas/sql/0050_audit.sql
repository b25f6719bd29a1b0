-- Who changed what, or tried to: the newest entries. The same by the same caller within a minute is one entry.
CREATE TABLE audit (
  id        INTEGER PRIMARY KEY,                 -- newer is larger
  at        INTEGER NOT NULL,                    -- ms since 1970: the first time
  last_at   INTEGER NOT NULL,
  count     INTEGER NOT NULL,
  caller    TEXT NOT NULL,                       -- token:ci, node:shell@host
  role      TEXT NOT NULL,
  origin    TEXT NOT NULL,                       -- address or node it came from
  operation TEXT NOT NULL,
  about     TEXT NOT NULL,                       -- names and ids, never a secret
  outcome   TEXT NOT NULL,
  code      TEXT NOT NULL                        -- of the error; empty: none
) STRICT;

CREATE INDEX audit_by_caller ON audit (caller, id);
