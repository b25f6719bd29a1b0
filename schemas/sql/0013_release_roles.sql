-- The role of the nodes that are deployed from a release; a node family may say otherwise, in its settings.
ALTER TABLE releases ADD COLUMN role TEXT NOT NULL DEFAULT 'none' CHECK (role IN ('none', 'viewer', 'operator', 'admin'));
