-- Managed nodes: those a user added, and those deployed here once they were started.
CREATE TABLE nodes (
  id             TEXT PRIMARY KEY,               -- UUID
  name           TEXT NOT NULL UNIQUE,           -- riak1@10.0.0.7
  family_id      TEXT REFERENCES node_families (id),
  origin         TEXT NOT NULL CHECK (origin IN ('added', 'deployed')),
  cookie         BLOB,                           -- encrypted; NULL: the daemon's own
  dist_port      INTEGER,                        -- NULL: epmd is asked
  tls            INTEGER NOT NULL DEFAULT 0,
  agents         TEXT NOT NULL DEFAULT 'all' CHECK (agents IN ('all', 'none')),
  wanted         INTEGER NOT NULL DEFAULT 1,     -- 0: stopped on purpose, not dialled
  added_at       INTEGER NOT NULL,               -- ms since 1970, as all times here
  otp_release    TEXT,                           -- from here on: what the node said of itself when last UP
  erts_version   TEXT,
  architecture   TEXT,
  script_name    TEXT,
  script_version TEXT,
  started_at     INTEGER,
  creation       INTEGER
) STRICT;

CREATE INDEX nodes_by_family ON nodes (family_id);
