-- Bearer tokens of the REST interface beside the one in api.token.
CREATE TABLE tokens (
  name       TEXT PRIMARY KEY,
  hash       BLOB NOT NULL UNIQUE,               -- SHA-256; the token itself is nowhere
  role       TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
  created_at INTEGER NOT NULL
) STRICT;
