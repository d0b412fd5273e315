-- Catalog version 5: when a point was last verified, whatever was found; the points looked at never or longest ago are next.
ALTER TABLE savesets ADD COLUMN looked_at TEXT;
UPDATE savesets SET looked_at = verified_at;
CREATE INDEX savesets_by_look ON savesets (coalesce(looked_at, ''), created_at, saveset_id) WHERE state = 'sealed';

-- What a worker finds on a device is asked for by its id.
CREATE INDEX attempts_by_saveset ON attempts (saveset_id) WHERE saveset_id IS NOT NULL;
