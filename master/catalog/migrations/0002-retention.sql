-- Catalog version 2: pins, and savesets that are being deleted. SQLite cannot change a CHECK, so the table is made anew; without
-- one this time, because the states are those of saveset-rows.ts and there may be more.

CREATE TABLE new_savesets (
  saveset_id        TEXT PRIMARY KEY,
  state             TEXT NOT NULL,
  token             INTEGER NOT NULL,
  device_id         TEXT NOT NULL REFERENCES devices (device_id),
  run_id            INTEGER NOT NULL,
  task_id           INTEGER NOT NULL,
  job               TEXT NOT NULL,
  server            TEXT NOT NULL,
  vm_name           TEXT NOT NULL,
  vm_uuid           TEXT NOT NULL,
  vm_moref          TEXT NOT NULL,
  type              TEXT,
  base_id           TEXT,
  created_at        TEXT,
  finished_at       TEXT,
  consistency_asked TEXT,
  consistency       TEXT,
  consistency_note  TEXT,
  manifest_sha256   TEXT,
  counters          TEXT,
  left_out_disks    TEXT NOT NULL DEFAULT '[]',
  warnings          TEXT NOT NULL DEFAULT '[]',
  verified_at       TEXT,
  -- A pin keeps the point; the device has it, too. The note is empty when there is none.
  pinned_at         TEXT,
  pin_note          TEXT
) STRICT;
INSERT INTO new_savesets SELECT *, NULL, NULL FROM savesets;

CREATE TABLE new_saveset_disks (
  saveset_id     TEXT NOT NULL REFERENCES new_savesets (saveset_id) ON DELETE CASCADE,
  key            INTEGER NOT NULL,
  label          TEXT NOT NULL,
  uuid           TEXT,
  capacity_bytes INTEGER NOT NULL,
  type           TEXT NOT NULL,
  transport      TEXT NOT NULL,
  filter         TEXT NOT NULL,
  volumes        TEXT NOT NULL,
  fallback       TEXT,
  counters       TEXT NOT NULL,
  PRIMARY KEY (saveset_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO new_saveset_disks SELECT * FROM saveset_disks;

DROP TABLE saveset_disks;
DROP TABLE savesets;
ALTER TABLE new_savesets RENAME TO savesets;
ALTER TABLE new_saveset_disks RENAME TO saveset_disks;

CREATE INDEX savesets_by_time ON savesets (created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_name ON savesets (vm_name COLLATE NOCASE, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_uuid ON savesets (vm_uuid, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_moref ON savesets (vm_moref, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job ON savesets (job, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job_uuid ON savesets (job, vm_uuid, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job_moref ON savesets (job, server, vm_moref, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_base ON savesets (base_id) WHERE state = 'sealed';
CREATE INDEX savesets_open ON savesets (saveset_id) WHERE state IN ('unsealed', 'sealing');
CREATE INDEX savesets_removing ON savesets (base_id) WHERE state = 'removing';
