-- What users define for deployments: providers, releases, and what makes a node family deployable.
CREATE TABLE providers (
  id          TEXT PRIMARY KEY,                  -- UUID
  name        TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  type        TEXT NOT NULL,                     -- a row of the table of drivers
  options     BLOB NOT NULL,                     -- JSON, encrypted: passwords are among it
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE releases (
  id          TEXT PRIMARY KEY,                  -- UUID
  name        TEXT NOT NULL UNIQUE,
  description TEXT NOT NULL,
  start_cmd   TEXT NOT NULL,
  stop_cmd    TEXT NOT NULL,
  start_mode  TEXT NOT NULL CHECK (start_mode IN ('daemon', 'foreground', 'systemd')),
  templates   TEXT NOT NULL,                     -- JSON array of paths below the release's root
  cookie      BLOB,                              -- encrypted; NULL: random per family
  sha256      TEXT,                              -- of the stored archive; NULL until it was uploaded
  size        INTEGER NOT NULL,
  strip       INTEGER NOT NULL,                  -- folders at the archive's root that go when it is unpacked
  created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE family_deployments (
  family_id   TEXT PRIMARY KEY REFERENCES node_families (id) ON DELETE CASCADE,
  release_id  TEXT REFERENCES releases (id),
  cookie      BLOB NOT NULL,                     -- encrypted; for releases without one
  settings    TEXT NOT NULL,                     -- JSON: bootstrap, neighbors, firewall, dist_ports
  environment BLOB NOT NULL                      -- JSON, encrypted: env, variables
) STRICT;

CREATE TABLE deployment_domains (
  id          TEXT PRIMARY KEY,                  -- UUID
  family_id   TEXT NOT NULL REFERENCES node_families (id) ON DELETE CASCADE,
  provider_id TEXT NOT NULL REFERENCES providers (id),
  place       INTEGER NOT NULL,                  -- the order in which they were added
  ssh_user    TEXT NOT NULL,
  hw_profile  TEXT NOT NULL,
  vdisk       TEXT NOT NULL,
  type        TEXT NOT NULL
) STRICT;

CREATE INDEX deployment_domains_by_family ON deployment_domains (family_id);
