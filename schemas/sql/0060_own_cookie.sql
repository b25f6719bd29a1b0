-- That the daemon has a cookie of its own: when that is lost, it does not go on with ~/.erlang.cookie. One row, or none.
CREATE TABLE own_cookie (
  since INTEGER NOT NULL
) STRICT;
