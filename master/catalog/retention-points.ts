/**
 * Restore points as retention looks at them: all of one VM and job at a time, found by walking the index from one VM to the
 * next, so that no step takes longer than one VM's points.
 */
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type Database } from './database.ts';

export interface RetentionPoint {
  readonly savesetId: string;
  readonly baseId: string | null;
  readonly type: BackupType;
  readonly createdAt: string;
  readonly verifiedAt: string | null;
  /** Null when it is not pinned. */
  readonly pinNote: string | null;
  readonly deviceId: string;
  readonly job: string;
  readonly server: string;
  readonly vmName: string;
  readonly vmUuid: string;
  readonly vmMoref: string;
  /** What the device grew by when it was stored. */
  readonly storedBytes: number;
  /** Plain bytes of it that the device had already. */
  readonly knownBytes: number;
}

/** A VM without an instance UUID shares its group with others of the kind. */
export interface RetentionGroup {
  readonly job: string;
  readonly vmUuid: string;
}

export function retentionStatements(database: Database) {
  const next = (where: string) =>
    database.prepare<[RetentionGroup], RetentionGroup>(
      `SELECT job, vm_uuid AS vmUuid FROM savesets WHERE state = 'sealed' AND ${where} ORDER BY job, vm_uuid LIMIT 1`,
    );
  const first = next('job >= @job');
  const after = next('(job, vm_uuid) > (@job, @vmUuid)');
  const points = database.prepare<[RetentionGroup], RetentionPoint>(
    `SELECT saveset_id AS savesetId, base_id AS baseId, type, created_at AS createdAt, verified_at AS verifiedAt,
       CASE WHEN pinned_at IS NULL THEN NULL ELSE coalesce(pin_note, '') END AS pinNote,
       device_id AS deviceId, job, server, vm_name AS vmName, vm_uuid AS vmUuid, vm_moref AS vmMoref,
       coalesce(counters ->> 'stored', 0) AS storedBytes, coalesce(counters ->> 'known', 0) AS knownBytes
     FROM savesets WHERE state = 'sealed' AND job = @job AND vm_uuid = @vmUuid ORDER BY created_at DESC`,
  );
  const name = database.prepare<[RetentionGroup], { vmName: string }>(
    `SELECT vm_name AS vmName FROM savesets WHERE state = 'sealed' AND job = @job AND vm_uuid = @vmUuid
     ORDER BY created_at DESC LIMIT 1`,
  );
  return {
    /** What the VM was called last. */
    nameOfGroup: (group: RetentionGroup): string => name.get(group)?.vmName ?? '',
    /** The group behind `previous`, or the first of a job that is not before `job`. */
    nextGroup(from: { readonly job: string } | RetentionGroup): RetentionGroup | undefined {
      return 'vmUuid' in from ? after.get(from) : first.get({ ...from, vmUuid: '' });
    },
    /** Newest first. */
    pointsOfGroup: (group: RetentionGroup): readonly RetentionPoint[] => points.all(group),
  };
}
