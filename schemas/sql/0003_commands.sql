-- Every run of commands.run: who ran what, when, where, and what each node answered. The newest 10,000 are kept.
CREATE TABLE command_runs (
  id          TEXT PRIMARY KEY,
  module      TEXT NOT NULL,
  function    TEXT NOT NULL,
  arguments   BLOB NOT NULL,                     -- external term format
  caller      TEXT NOT NULL,
  started_at  INTEGER NOT NULL,
  finished_at INTEGER
) STRICT;

CREATE INDEX command_runs_by_time ON command_runs (started_at);

CREATE TABLE command_results (
  run_id      TEXT NOT NULL REFERENCES command_runs (id) ON DELETE CASCADE,
  node_id     TEXT NOT NULL,                     -- kept when the node is gone
  node_name   TEXT NOT NULL,
  outcome     TEXT NOT NULL CHECK (outcome IN ('value', 'exception', 'timeout', 'down')),
  value       BLOB,                              -- external term format, the value or the exception's reason
  duration_ms INTEGER NOT NULL,
  PRIMARY KEY (run_id, node_id)
) STRICT, WITHOUT ROWID;
