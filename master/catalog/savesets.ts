/**
 * Rows of `savesets` and `saveset_disks`. A saveset is a restore point only in the state `sealed`; every query that shows
 * points or looks for a base asks for it, and the indexes hold nothing else.
 *
 *   unsealed   an attempt writes it           sealing   the manifest was reported; the device is being sealed
 *   sealed     a restore point                gone      given up; nothing of it may be used
 */
import { type Warning } from '../../shared/contract/ipc.ts';
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type Consistency } from '../../shared/domain/consistency.ts';
import { type ByteCounters, noBytes } from '../../shared/domain/task.ts';
import { type Database } from './database.ts';
import { type SavesetDiskRecord, diskStatements } from './saveset-disks.ts';
import { pointStatements } from './points.ts';

export type SavesetState = 'unsealed' | 'sealing' | 'sealed' | 'gone';

export interface LeftOutDisk {
  readonly key: number;
  readonly label: string;
  readonly reason: string;
}

/** What the catalog knows before the manifest is there. */
export interface NewSaveset {
  readonly savesetId: string;
  readonly token: number;
  readonly deviceId: string;
  readonly runId: number;
  readonly taskId: number;
  readonly job: string;
  readonly server: string;
  readonly vmName: string;
  readonly vmUuid: string;
  readonly vmMoref: string;
}

/** A restore point as its manifest tells it. */
export interface SavesetRecord extends NewSaveset {
  readonly type: BackupType;
  readonly baseId: string | null;
  /** When the snapshot was made. */
  readonly createdAt: string;
  readonly finishedAt: string;
  readonly consistencyAsked: Consistency;
  readonly consistency: Consistency;
  readonly consistencyNote: string | null;
  readonly manifestSha256: string;
  readonly counters: ByteCounters;
  readonly leftOutDisks: readonly LeftOutDisk[];
  readonly warnings: readonly Warning[];
  readonly verifiedAt: string | null;
}

export interface OpenSaveset extends NewSaveset {
  readonly state: SavesetState;
  readonly manifestSha256: string | null;
}

export interface SavesetRow {
  readonly saveset_id: string;
  readonly state: SavesetState;
  readonly token: number;
  readonly device_id: string;
  readonly run_id: number;
  readonly task_id: number;
  readonly job: string;
  readonly server: string;
  readonly vm_name: string;
  readonly vm_uuid: string;
  readonly vm_moref: string;
  readonly type: BackupType | null;
  readonly base_id: string | null;
  readonly created_at: string | null;
  readonly finished_at: string | null;
  readonly consistency_asked: Consistency | null;
  readonly consistency: Consistency | null;
  readonly consistency_note: string | null;
  readonly manifest_sha256: string | null;
  readonly counters: string | null;
  readonly left_out_disks: string;
  readonly warnings: string;
  readonly verified_at: string | null;
}

export type SavesetTable = ReturnType<typeof savesetTable>;

export function savesetTable(database: Database) {
  const disks = diskStatements(database);
  return {
    ...lifeStatements(database, disks.putDisks),
    ...pointStatements(database),
    disksOf: disks.ofSaveset,
  };
}

type PutDisks = (savesetId: string, disks: readonly SavesetDiskRecord[]) => void;

function lifeStatements(database: Database, putDisks: PutDisks) {
  const insert = database.prepare(
    `INSERT INTO savesets (saveset_id, state, token, device_id, run_id, task_id, job, server, vm_name, vm_uuid, vm_moref)
     VALUES (@savesetId, 'unsealed', @token, @deviceId, @runId, @taskId, @job, @server, @vmName, @vmUuid, @vmMoref)
     ON CONFLICT (saveset_id) DO NOTHING`,
  );
  const state = database.prepare<[SavesetState, string]>(
    'UPDATE savesets SET state = ? WHERE saveset_id = ?',
  );
  const sealing = database.prepare<[string, string]>(
    `UPDATE savesets SET state = 'sealing', manifest_sha256 = ? WHERE saveset_id = ?`,
  );
  const sealed = database.prepare(
    `UPDATE savesets SET state = 'sealed', type = @type, base_id = @baseId, created_at = @createdAt,
       finished_at = @finishedAt, consistency_asked = @consistencyAsked, consistency = @consistency,
       consistency_note = @consistencyNote, manifest_sha256 = @manifestSha256, counters = @counters,
       left_out_disks = @leftOutDisks, warnings = @warnings, vm_name = @vmName, vm_uuid = @vmUuid, verified_at = @verifiedAt
     WHERE saveset_id = @savesetId`,
  );
  const countPoint = database.prepare(
    `UPDATE devices SET points = points + 1 WHERE device_id = @deviceId
       AND NOT EXISTS (SELECT 1 FROM savesets WHERE saveset_id = @savesetId AND state = 'sealed')`,
  );
  const open = database.prepare<[], SavesetRow>(
    `SELECT * FROM savesets WHERE state IN ('unsealed', 'sealing') ORDER BY saveset_id`,
  );
  const stateOf = database.prepare<[string], { state: SavesetState }>(
    'SELECT state FROM savesets WHERE saveset_id = ?',
  );
  const verified = database.prepare<[string, string]>(
    'UPDATE savesets SET verified_at = ? WHERE saveset_id = ?',
  );
  return {
    insertUnsealed: (saveset: NewSaveset): void => void insert.run(saveset),
    stateOf: (savesetId: string): SavesetState | undefined => stateOf.get(savesetId)?.state,
    setSealing: (savesetId: string, sha256: string): void => void sealing.run(sha256, savesetId),
    setGone: (savesetId: string): void => void state.run('gone', savesetId),
    setVerified: (savesetId: string, at: string): void => void verified.run(at, savesetId),
    /** Makes it a restore point. Call it inside a transaction. */
    setSealed: (point: SavesetRecord, disks: readonly SavesetDiskRecord[]): void => {
      countPoint.run({ deviceId: point.deviceId, savesetId: point.savesetId });
      sealed.run({
        ...point,
        counters: JSON.stringify(point.counters),
        leftOutDisks: JSON.stringify(point.leftOutDisks),
        warnings: JSON.stringify(point.warnings),
      });
      putDisks(point.savesetId, disks);
    },
    listOpen(): readonly OpenSaveset[] {
      return open.all().map((row) => ({
        ...newFromRow(row),
        state: row.state,
        manifestSha256: row.manifest_sha256,
      }));
    },
  };
}

function newFromRow(row: SavesetRow): NewSaveset {
  return {
    savesetId: row.saveset_id,
    token: row.token,
    deviceId: row.device_id,
    runId: row.run_id,
    taskId: row.task_id,
    job: row.job,
    server: row.server,
    vmName: row.vm_name,
    vmUuid: row.vm_uuid,
    vmMoref: row.vm_moref,
  };
}

/** A sealed row as a point; a row that misses what sealing sets is damage of the catalog. */
export function pointFromRow(row: SavesetRow): SavesetRecord {
  return {
    ...newFromRow(row),
    type: row.type ?? 'full',
    baseId: row.base_id,
    createdAt: row.created_at ?? '',
    finishedAt: row.finished_at ?? '',
    consistencyAsked: row.consistency_asked ?? 'crash',
    consistency: row.consistency ?? 'crash',
    consistencyNote: row.consistency_note,
    manifestSha256: row.manifest_sha256 ?? '',
    counters: row.counters === null ? noBytes : (JSON.parse(row.counters) as ByteCounters),
    leftOutDisks: JSON.parse(row.left_out_disks) as readonly LeftOutDisk[],
    warnings: JSON.parse(row.warnings) as readonly Warning[],
    verifiedAt: row.verified_at,
  };
}
