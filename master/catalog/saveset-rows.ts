/**
 * Rows of `savesets` and the records that are made of them. A saveset is a restore point only in the state `sealed`:
 *
 *   unsealed   an attempt writes it           sealing    the manifest was reported; the device is being sealed
 *   sealed     a restore point                removing   retention deletes it; the device may still hold it
 *   gone       given up or deleted; nothing of it may be used
 */
import { type Warning } from '../../shared/contract/ipc.ts';
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type Consistency } from '../../shared/domain/consistency.ts';
import { type ByteCounters, noBytes } from '../../shared/domain/task.ts';

export type SavesetState = 'unsealed' | 'sealing' | 'sealed' | 'removing' | 'gone';

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

/** The columns that are set from the start. */
export function newFromRow(row: SavesetRow): NewSaveset {
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
