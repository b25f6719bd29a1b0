-- Past alarms, newest first, with all that filters look at: documents are read of those only that a filter takes.
DROP INDEX alarms_past;
CREATE INDEX alarms_past ON alarms
  (cleared_at, id, severity, source, condition, node_id, node_name, family_id, family, tags);
