-- Catalog version 4: savesets that a consolidated one stands for. A backup that began before may still name one as its base.

CREATE TABLE replaced (
  old_id     TEXT PRIMARY KEY,
  saveset_id TEXT NOT NULL
) STRICT;
