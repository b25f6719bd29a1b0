-- How the archive of a deployed node is sent and unpacked: its release may have got another one since. Nodes whose archive
-- is no release's any more take what their release says, as they did before.
ALTER TABLE deployed_nodes ADD COLUMN size INTEGER NOT NULL DEFAULT 0;   -- of the archive, bytes
ALTER TABLE deployed_nodes ADD COLUMN strip INTEGER NOT NULL DEFAULT 0;  -- as releases has it
UPDATE deployed_nodes SET
  size = COALESCE((SELECT size FROM releases WHERE sha256 = deployed_nodes.sha256),
                  (SELECT size FROM releases WHERE id = deployed_nodes.release_id)),
  strip = COALESCE((SELECT strip FROM releases WHERE sha256 = deployed_nodes.sha256),
                   (SELECT strip FROM releases WHERE id = deployed_nodes.release_id));
