-- Catalog version 1. Times are ISO 8601 texts in UTC, so that they sort as texts; lists and records nobody searches are JSON.
-- No table holds a secret: passwords of servers are sealed in secrets.json.

CREATE TABLE servers (
  name            TEXT PRIMARY KEY,
  url             TEXT NOT NULL,
  username        TEXT NOT NULL,
  fingerprint     TEXT,
  datastore_paths TEXT NOT NULL
) STRICT;

-- A device that was removed stays as a row without `registered`, because savesets name it.
CREATE TABLE devices (
  device_id  TEXT PRIMARY KEY,
  name       TEXT NOT NULL,
  path       TEXT NOT NULL,
  streams    INTEGER NOT NULL,
  registered INTEGER NOT NULL,
  -- Sealed savesets on it, counted as they are sealed: counting a million rows takes too long.
  points     INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX devices_by_name ON devices (name) WHERE registered = 1;

CREATE TABLE jobs (
  name TEXT PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;

CREATE TABLE runs (
  run_id         INTEGER PRIMARY KEY AUTOINCREMENT,
  kind           TEXT NOT NULL,
  job            TEXT,
  -- The job as it was when the run began.
  body           TEXT,
  requested_type TEXT,
  state          TEXT NOT NULL,
  outcome        TEXT,
  started_at     TEXT NOT NULL,
  finished_at    TEXT,
  stream_setting INTEGER NOT NULL,
  -- The most streams it could use at a time, and what bounded them.
  streams        INTEGER NOT NULL DEFAULT 0,
  streams_why    TEXT NOT NULL DEFAULT '',
  warnings       TEXT NOT NULL DEFAULT '[]',
  revision       INTEGER NOT NULL DEFAULT 1
) STRICT;
CREATE INDEX runs_by_job ON runs (job, run_id);
CREATE INDEX runs_open ON runs (run_id) WHERE state != 'done';

CREATE TABLE tasks (
  task_id       INTEGER PRIMARY KEY AUTOINCREMENT,
  run_id        INTEGER NOT NULL REFERENCES runs (run_id) ON DELETE CASCADE,
  kind          TEXT NOT NULL,
  subject       TEXT NOT NULL,
  target        TEXT NOT NULL,
  state         TEXT NOT NULL,
  outcome       TEXT,
  attempts      INTEGER NOT NULL DEFAULT 0,
  -- The fencing token of the attempt that may speak for the task; null between attempts.
  current_token INTEGER,
  device_id     TEXT,
  worker_pid    INTEGER,
  type          TEXT,
  saveset_id    TEXT,
  started_at    TEXT,
  finished_at   TEXT,
  counters      TEXT,
  phases        TEXT,
  error         TEXT,
  warnings      TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX tasks_by_run ON tasks (run_id, task_id);

-- The token is the fencing token: it only ever rises, also over removed rows.
CREATE TABLE attempts (
  token       INTEGER PRIMARY KEY AUTOINCREMENT,
  task_id     INTEGER NOT NULL REFERENCES tasks (task_id) ON DELETE CASCADE,
  attempt     INTEGER NOT NULL,
  saveset_id  TEXT,
  device_id   TEXT NOT NULL,
  pid         INTEGER,
  started_at  TEXT NOT NULL,
  finished_at TEXT,
  error       TEXT
) STRICT;
CREATE INDEX attempts_by_task ON attempts (task_id, token);

-- run_id and task_id come from the manifest and may be another catalog's, so they refer to nothing.
CREATE TABLE savesets (
  saveset_id        TEXT PRIMARY KEY,
  state             TEXT NOT NULL CHECK (state IN ('unsealed', 'sealing', 'sealed', 'gone')),
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
  verified_at       TEXT
) STRICT;
CREATE INDEX savesets_by_time ON savesets (created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_name ON savesets (vm_name COLLATE NOCASE, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_uuid ON savesets (vm_uuid, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_moref ON savesets (vm_moref, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job ON savesets (job, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job_uuid ON savesets (job, vm_uuid, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_job_moref ON savesets (job, server, vm_moref, created_at) WHERE state = 'sealed';
CREATE INDEX savesets_by_base ON savesets (base_id) WHERE state = 'sealed';
CREATE INDEX savesets_open ON savesets (saveset_id) WHERE state IN ('unsealed', 'sealing');

CREATE TABLE saveset_disks (
  saveset_id     TEXT NOT NULL REFERENCES savesets (saveset_id) ON DELETE CASCADE,
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

-- intent: CreateSnapshot may have been called; created: its moref is known; failed: the last removal did not work.
CREATE TABLE snapshot_ledger (
  entry_id        INTEGER PRIMARY KEY AUTOINCREMENT,
  snapshot_name   TEXT NOT NULL UNIQUE,
  state           TEXT NOT NULL CHECK (state IN ('intent', 'created', 'removed', 'failed')),
  server          TEXT NOT NULL,
  vm_moref        TEXT NOT NULL,
  vm_name         TEXT NOT NULL,
  snapshot_moref  TEXT,
  run_id          INTEGER NOT NULL,
  task_id         INTEGER NOT NULL,
  token           INTEGER NOT NULL,
  intent_at       TEXT NOT NULL,
  -- A look found nothing of that name. An intent stays open for a while all the same: CreateSnapshot may still be on its way.
  absent_at       TEXT,
  removed_at      TEXT,
  error           TEXT
) STRICT;
CREATE INDEX ledger_open ON snapshot_ledger (server, vm_moref) WHERE state != 'removed';
CREATE INDEX ledger_open_by_token ON snapshot_ledger (token) WHERE state != 'removed';
CREATE INDEX ledger_open_by_run ON snapshot_ledger (run_id) WHERE state != 'removed';
