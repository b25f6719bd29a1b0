-- How often a node, or all of a family, is asked for its metrics; where a column is '', the other one counts.
CREATE TABLE metric_intervals (
  node    TEXT NOT NULL,                          -- name
  family  TEXT NOT NULL,                          -- name
  seconds INTEGER NOT NULL,
  PRIMARY KEY (node, family),
  CHECK ((node = '') <> (family = ''))
) STRICT, WITHOUT ROWID;
