-- Nodes that are deployed here: what is wanted of each, how far it has come, and the step it is on. Written before and
-- after every step, so that a daemon that was killed goes on where it was. A row goes when nothing of the node is left.
CREATE TABLE deployed_nodes (
  id          TEXT PRIMARY KEY,                  -- UUID
  name        TEXT NOT NULL UNIQUE,              -- <UUID>@<node_host>
  family_id   TEXT NOT NULL REFERENCES node_families (id),
  release_id  TEXT NOT NULL REFERENCES releases (id),
  provider_id TEXT NOT NULL REFERENCES providers (id),
  domain_id   TEXT NOT NULL REFERENCES deployment_domains (id),
  sha256      TEXT NOT NULL,                     -- of the archive it is made from
  machine     TEXT NOT NULL,                     -- as its provider's driver calls it
  node_host   TEXT NOT NULL,
  user        TEXT NOT NULL,                     -- the domain's SSH user; may be empty
  cookie      BLOB NOT NULL,                     -- encrypted
  goal        TEXT NOT NULL CHECK (goal IN ('stopped', 'running', 'restarted', 'gone')),
  reached     TEXT NOT NULL CHECK (reached IN ('placed', 'uploaded', 'unpacked', 'started', 'answered', 'bootstrapped',
                                               'handed_over')),
  may_run     INTEGER NOT NULL,                  -- a start was begun since it was last known to be stopped
  has_joined  INTEGER NOT NULL,                  -- it was bootstrapped once
  step        TEXT CHECK (step IN ('upload', 'unpack', 'start', 'answer', 'bootstrap', 'hand_over', 'stop', 'remove')),
  status      TEXT NOT NULL CHECK (status IN ('running', 'done', 'failed')),
  message     TEXT NOT NULL,                     -- these three of status failed
  output      TEXT NOT NULL,
  remedy      TEXT NOT NULL,
  created_at  INTEGER NOT NULL,
  changed_at  INTEGER NOT NULL
) STRICT;

CREATE INDEX deployed_nodes_by_family ON deployed_nodes (family_id);

-- Release archives that lie on hosts, from before the upload until the file is gone. Used by the nodes of that machine
-- that are made from it.
CREATE TABLE host_releases (
  provider_id TEXT NOT NULL REFERENCES providers (id),
  machine     TEXT NOT NULL,
  user        TEXT NOT NULL,
  sha256      TEXT NOT NULL,
  status      TEXT NOT NULL CHECK (status IN ('uploading', 'present', 'removing')),
  changed_at  INTEGER NOT NULL,
  PRIMARY KEY (provider_id, machine, user, sha256)
) STRICT, WITHOUT ROWID;
