/**
 * Statements over `savesets` and `saveset_disks`: the life of a saveset here, questions about points in points.ts. Every query
 * that shows points or looks for a base asks for the state `sealed`, and the indexes hold nothing else.
 */
import { type Database } from './database.ts';
import { type SavesetDiskRecord, diskStatements } from './saveset-disks.ts';
import { pinStatements } from './pins.ts';
import { pointStatements } from './points.ts';
import { removalStatements } from './removals.ts';
import { replacementStatements } from './replacements.ts';
import { useStatements } from './open-uses.ts';
import { retentionStatements } from './retention-points.ts';
import { verificationStatements } from './verifications.ts';
import {
  type NewSaveset,
  type OpenSaveset,
  type SavesetRecord,
  type SavesetRow,
  type SavesetState,
  newFromRow,
} from './saveset-rows.ts';

export type SavesetTable = ReturnType<typeof savesetTable>;

export function savesetTable(database: Database) {
  const disks = diskStatements(database);
  const replacements = replacementStatements(database);
  return {
    ...lifeStatements(database, disks.putDisks, replacements.currentId),
    ...replacements,
    ...pointStatements(database),
    ...pinStatements(database),
    ...removalStatements(database),
    ...retentionStatements(database),
    ...useStatements(database),
    ...verificationStatements(database),
    disksOf: disks.ofSaveset,
  };
}

type PutDisks = (savesetId: string, disks: readonly SavesetDiskRecord[]) => void;

function lifeStatements(database: Database, putDisks: PutDisks, currentId: (savesetId: string) => string) {
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
  return {
    insertUnsealed: (saveset: NewSaveset): void => void insert.run(saveset),
    stateOf: (savesetId: string): SavesetState | undefined => stateOf.get(savesetId)?.state,
    setSealing: (savesetId: string, sha256: string): void => void sealing.run(sha256, savesetId),
    setGone: (savesetId: string): void => void state.run('gone', savesetId),
    /** Makes it a restore point. Call it inside a transaction. */
    setSealed: (point: SavesetRecord, disks: readonly SavesetDiskRecord[]): void => {
      countPoint.run({ deviceId: point.deviceId, savesetId: point.savesetId });
      sealed.run({
        ...point,
        baseId: point.baseId === null ? null : currentId(point.baseId),
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
