/** What the tasks of open runs work with, for retention: savesets that are read, and VMs that are being backed up. */
import { type Database } from './database.ts';

export interface SavesetUse {
  readonly runId: number;
  readonly taskId: number;
  readonly savesetId: string;
}

export interface BackupUse {
  readonly runId: number;
  readonly job: string;
  readonly server: string;
  readonly vmUuid: string;
  readonly vmMoref: string;
}

const OPEN_TASKS = `FROM runs r JOIN tasks t ON t.run_id = r.run_id WHERE r.state != 'done' AND t.state != 'done'`;

export function useStatements(database: Database) {
  const savesets = database.prepare<[], SavesetUse>(
    `SELECT t.run_id AS runId, t.task_id AS taskId, t.target ->> 'savesetId' AS savesetId ${OPEN_TASKS}
       AND r.kind != 'backup' AND t.target ->> 'savesetId' IS NOT NULL`,
  );
  const backups = database.prepare<[], BackupUse>(
    `SELECT t.run_id AS runId, coalesce(r.job, '') AS job, t.target ->> 'server' AS server,
       t.target ->> '$.vm.instanceUuid' AS vmUuid, t.target ->> '$.vm.moref' AS vmMoref ${OPEN_TASKS}
       AND r.kind = 'backup'`,
  );
  return {
    savesetUses: (): readonly SavesetUse[] => savesets.all(),
    backupUses: (): readonly BackupUse[] => backups.all(),
  };
}
