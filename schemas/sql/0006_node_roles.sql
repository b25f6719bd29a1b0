-- What a node may do here when it has proved the cookie of its row.
ALTER TABLE nodes ADD COLUMN role TEXT NOT NULL DEFAULT 'none' CHECK (role IN ('none', 'viewer', 'operator', 'admin'));
