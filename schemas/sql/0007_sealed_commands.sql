-- Arguments and answers of commands are encrypted, each for its row. Those of before are when the daemon starts.
ALTER TABLE command_runs ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE command_results ADD COLUMN sealed INTEGER NOT NULL DEFAULT 0;
