-- What a run takes, its arguments and answers: the oldest runs go when all take too much.
ALTER TABLE command_runs ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;

DROP INDEX command_runs_by_time;
CREATE INDEX command_runs_by_time ON command_runs (started_at, id, bytes);
