-- From which severity on notifications are wanted; where a column is '', the setting is for all of it.
CREATE TABLE notification_levels (
  node   TEXT NOT NULL,                          -- name
  family TEXT NOT NULL,                          -- name
  source TEXT NOT NULL,
  level  TEXT NOT NULL,
  PRIMARY KEY (node, family, source),
  CHECK (node = '' OR family = '')
) STRICT, WITHOUT ROWID;
