/**
 * Rows of `tasks` and `attempts`. A TaskId is stable over retries; every attempt has a number and a fencing token of its
 * own. `current_token` names the one attempt that may speak for the task; it is cleared in the same transaction that
 * gives an attempt up, so a late message finds no token that fits.
 */
import { type TaskOutcome, type VmTarget, type Warning } from '../../shared/contract/ipc.ts';
import { type TaskReport } from '../../shared/contract/task-report.ts';
import { type WireError } from '../../shared/contract/wire-error.ts';
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type TransportChoice } from '../../shared/domain/job.ts';
import {
  type ByteCounters,
  type Outcome,
  type PhaseTimes,
  type TaskState,
  noBytes,
} from '../../shared/domain/task.ts';
import { type Database } from './database.ts';

/** What a task works on, by kind. */
export type TaskTarget =
  | { readonly kind: 'backup'; readonly server: string; readonly vm: VmTarget }
  | {
      readonly kind: 'restore';
      readonly savesetId: string;
      readonly diskKey: number;
      readonly target: {
        readonly path: string;
        readonly format: 'raw' | 'vmdk';
        readonly overwrite: boolean;
      };
    }
  | {
      readonly kind: 'verify';
      readonly savesetId: string;
      /** The device whose stream it needs, and the chain that a worker should stay with; any without. */
      readonly place?: { readonly deviceId: string; readonly group: string };
    }
  | { readonly kind: 'consolidate'; readonly savesetId: string }
  | {
      readonly kind: 'check';
      readonly deviceId: string;
      readonly payloads: boolean;
      readonly repair: 'dry-run' | 'done' | null;
    }
  | {
      readonly kind: 'reclaim';
      readonly deviceId: string;
      readonly dryRun: boolean;
      readonly sparsePercent: number;
    }
  | {
      readonly kind: 'inspect';
      readonly server: string;
      readonly vm: VmTarget;
      readonly dropShadowCopies: boolean;
      readonly transport: TransportChoice;
    };

export interface TaskRecord {
  readonly taskId: number;
  readonly runId: number;
  /** The VM's name, what is restored or verified, or `device NAME`. */
  readonly subject: string;
  readonly target: TaskTarget;
  readonly state: TaskState;
  readonly outcome: Outcome | null;
  readonly attempts: number;
  readonly currentToken: number | null;
  readonly deviceId: string | null;
  readonly workerPid: number | null;
  readonly type: BackupType | null;
  /** The id under which the current attempt writes: of a backup its saveset. */
  readonly savesetId: string | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly counters: ByteCounters;
  readonly phases: PhaseTimes;
  readonly error: WireError | null;
  readonly warnings: readonly Warning[];
  readonly report: TaskReport | null;
}

export interface NewAttempt {
  readonly taskId: number;
  readonly deviceId: string;
  readonly pid: number;
  /** Null for tasks that store nothing. */
  readonly savesetId: string | null;
  readonly at: string;
}

export interface EndedTask extends Pick<TaskOutcome, 'error' | 'counters' | 'phases'> {
  readonly outcome: Outcome;
  readonly warnings: readonly Warning[];
  readonly report?: TaskReport | null;
  readonly finishedAt: string;
}

interface Row {
  readonly task_id: number;
  readonly run_id: number;
  readonly subject: string;
  readonly target: string;
  readonly state: TaskState;
  readonly outcome: Outcome | null;
  readonly attempts: number;
  readonly current_token: number | null;
  readonly device_id: string | null;
  readonly worker_pid: number | null;
  readonly type: BackupType | null;
  readonly saveset_id: string | null;
  readonly started_at: string | null;
  readonly finished_at: string | null;
  readonly counters: string | null;
  readonly phases: string | null;
  readonly error: string | null;
  readonly warnings: string;
  readonly report: string | null;
}

export type TaskTable = ReturnType<typeof taskTable>;

export function taskTable(database: Database) {
  const insert = database.prepare<[number, string, string, string]>(
    `INSERT INTO tasks (run_id, kind, subject, target, state) VALUES (?, ?, ?, ?, 'queued')`,
  );
  const get = database.prepare<[number], Row>('SELECT * FROM tasks WHERE task_id = ?');
  const ofRun = database.prepare<[number], Row>('SELECT * FROM tasks WHERE run_id = ? ORDER BY task_id');
  const setState = database.prepare<[string, number]>('UPDATE tasks SET state = ? WHERE task_id = ?');
  const setType = database.prepare<[string | null, number]>('UPDATE tasks SET type = ? WHERE task_id = ?');
  return {
    insert(runId: number, subject: string, target: TaskTarget): number {
      return Number(insert.run(runId, target.kind, subject, JSON.stringify(target)).lastInsertRowid);
    },
    get(taskId: number): TaskRecord | undefined {
      const row = get.get(taskId);
      return row && fromRow(row);
    },
    ofRun: (runId: number): readonly TaskRecord[] => ofRun.all(runId).map(fromRow),
    setState: (taskId: number, state: TaskState): void => void setState.run(state, taskId),
    setType: (taskId: number, type: BackupType | null): void => void setType.run(type, taskId),
    ...attemptStatements(database),
  };
}

function attemptStatements(database: Database) {
  const add = database.prepare<[number, number, string | null, string, number, string]>(
    `INSERT INTO attempts (task_id, attempt, saveset_id, device_id, pid, started_at)
     VALUES (?, ?, ?, ?, ?, ?)`,
  );
  const begin = database.prepare<[number, number, string, number, string | null, string, number]>(
    `UPDATE tasks SET state = 'assigned', attempts = ?, current_token = ?, device_id = ?, worker_pid = ?,
       saveset_id = ?, started_at = coalesce(started_at, ?), type = NULL WHERE task_id = ?`,
  );
  const endAttempt = database.prepare<[string, string | null, number]>(
    'UPDATE attempts SET finished_at = ?, error = ? WHERE token = ?',
  );
  const requeue = database.prepare<[number]>(
    `UPDATE tasks SET state = 'queued', current_token = NULL, device_id = NULL, worker_pid = NULL,
       saveset_id = NULL WHERE task_id = ?`,
  );
  const end = database.prepare<
    [Outcome, string, string, string, string | null, string, string | null, Outcome, number]
  >(
    `UPDATE tasks SET state = 'done', outcome = ?, current_token = NULL, worker_pid = NULL, finished_at = ?,
       counters = ?, phases = ?, error = ?, warnings = ?, report = ?,
       saveset_id = CASE WHEN ? IN ('ok', 'warning') THEN saveset_id ELSE NULL END
     WHERE task_id = ?`,
  );
  const errors = database.prepare<[number], { error: string }>(
    'SELECT error FROM attempts WHERE task_id = ? AND error IS NOT NULL ORDER BY token',
  );
  const over = database.prepare<[string], { finished_at: string | null }>(
    'SELECT finished_at FROM attempts WHERE saveset_id = ?',
  );
  const attempts = database.prepare<[number], { attempts: number }>(
    'SELECT attempts FROM tasks WHERE task_id = ?',
  );
  return {
    /** The next attempt of a task: its fencing token and number. Call it inside a transaction. */
    beginAttempt(next: NewAttempt): { readonly token: number; readonly attempt: number } {
      const attempt = (attempts.get(next.taskId)?.attempts ?? 0) + 1;
      const { taskId, savesetId, deviceId, pid, at } = next;
      const token = Number(add.run(taskId, attempt, savesetId, deviceId, pid, at).lastInsertRowid);
      begin.run(attempt, token, deviceId, pid, savesetId, at, taskId);
      return { token, attempt };
    },
    endAttempt(token: number, at: string, error: WireError | null): void {
      endAttempt.run(at, error === null ? null : JSON.stringify(error), token);
    },
    /** Back into the queue; the token of the ended attempt is stale from here on. */
    requeue: (taskId: number): void => void requeue.run(taskId),
    end(taskId: number, ended: EndedTask): void {
      const { outcome, finishedAt, counters, phases, error, warnings, report = null } = ended;
      end.run(
        outcome,
        finishedAt,
        JSON.stringify(counters),
        JSON.stringify(phases),
        error === null ? null : JSON.stringify(error),
        JSON.stringify(warnings),
        report === null ? null : JSON.stringify(report),
        outcome,
        taskId,
      );
    },
    /** Whether an attempt of this catalog has ended, by its id on the device; false for one of another catalog. */
    isOver: (attemptId: string): boolean => (over.get(attemptId)?.finished_at ?? null) !== null,
    /** Of an attempt of this catalog by its id on the device; undefined for one of another catalog. */
    attemptState(attemptId: string): 'live' | 'over' | undefined {
      const row = over.get(attemptId);
      return row && (row.finished_at === null ? 'live' : 'over');
    },
    /** Errors of all attempts that failed, oldest first. */
    attemptErrors(taskId: number): readonly WireError[] {
      return errors.all(taskId).map((row) => JSON.parse(row.error) as WireError);
    },
  };
}

function fromRow(row: Row): TaskRecord {
  return {
    taskId: row.task_id,
    runId: row.run_id,
    subject: row.subject,
    target: JSON.parse(row.target) as TaskTarget,
    state: row.state,
    outcome: row.outcome,
    attempts: row.attempts,
    currentToken: row.current_token,
    deviceId: row.device_id,
    workerPid: row.worker_pid,
    type: row.type,
    savesetId: row.saveset_id,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    counters: row.counters === null ? noBytes : (JSON.parse(row.counters) as ByteCounters),
    phases: row.phases === null ? {} : (JSON.parse(row.phases) as PhaseTimes),
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
    warnings: JSON.parse(row.warnings) as readonly Warning[],
    report: row.report === null ? null : (JSON.parse(row.report) as TaskReport),
  };
}
