-- Node families: those that users define to deploy nodes, and those made for added nodes from their boot script id.
CREATE TABLE node_families (
  id          TEXT PRIMARY KEY,                  -- UUID
  name        TEXT NOT NULL UNIQUE,
  origin      TEXT NOT NULL CHECK (origin IN ('added', 'deployed')),
  description TEXT NOT NULL DEFAULT '',
  created_at  INTEGER NOT NULL                   -- ms since 1970, as all times here
) STRICT;
