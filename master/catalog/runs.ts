/** Rows of `runs`: executions of jobs, and restores and verifies, which have no job. */
import { type Warning } from '../../shared/contract/ipc.ts';
import { type RequestedType } from '../../shared/domain/backup-type.ts';
import { type Job } from '../../shared/domain/job.ts';
import { type RunOutcome, type RunState, type TaskKind } from '../../shared/domain/task.ts';
import { type Database } from './database.ts';

export interface RunRecord {
  readonly runId: number;
  readonly kind: TaskKind;
  /** The job as it was when the run began; null for restore and verify. */
  readonly job: Job | null;
  readonly requestedType: RequestedType | null;
  readonly state: RunState;
  readonly outcome: RunOutcome | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  readonly streamSetting: number;
  readonly streams: number;
  readonly streamsWhy: string;
  readonly warnings: readonly Warning[];
  readonly revision: number;
}

export type NewRun = Pick<
  RunRecord,
  'kind' | 'job' | 'requestedType' | 'startedAt' | 'streamSetting' | 'warnings'
>;

export interface RunCounts {
  readonly tasks: number;
  readonly succeeded: number;
  readonly failed: number;
}

interface Row {
  readonly run_id: number;
  readonly kind: TaskKind;
  readonly body: string | null;
  readonly requested_type: RequestedType | null;
  readonly state: RunState;
  readonly outcome: RunOutcome | null;
  readonly started_at: string;
  readonly finished_at: string | null;
  readonly stream_setting: number;
  readonly streams: number;
  readonly streams_why: string;
  readonly warnings: string;
  readonly revision: number;
}

export type RunTable = ReturnType<typeof runTable>;

export function runTable(database: Database) {
  const insert = database.prepare<
    [string, string | null, string | null, string | null, string, number, string]
  >(
    `INSERT INTO runs (kind, job, body, requested_type, state, started_at, stream_setting, warnings)
     VALUES (?, ?, ?, ?, 'running', ?, ?, ?)`,
  );
  const get = database.prepare<[number], Row>('SELECT * FROM runs WHERE run_id = ?');
  const open = database.prepare<[], Row>(`SELECT * FROM runs WHERE state != 'done' ORDER BY run_id`);
  const newest = database.prepare<[number], Row>('SELECT * FROM runs ORDER BY run_id DESC LIMIT ?');
  const newestOfJob = database.prepare<[string, number], Row>(
    'SELECT * FROM runs WHERE job = ? ORDER BY run_id DESC LIMIT ?',
  );
  const finish = database.prepare<[string, string, number, number]>(
    `UPDATE runs SET state = 'done', outcome = ?, finished_at = ?, revision = ? WHERE run_id = ?`,
  );
  const streams = database.prepare<[number, string, number]>(
    'UPDATE runs SET streams = ?, streams_why = ? WHERE run_id = ?',
  );
  const setWarnings = database.prepare<[string, number]>('UPDATE runs SET warnings = ? WHERE run_id = ?');
  const counts = database.prepare<[number], RunCounts>(
    `SELECT count(*) AS tasks, coalesce(sum(outcome IN ('ok', 'warning')), 0) AS succeeded,
       coalesce(sum(outcome = 'failed'), 0) AS failed FROM tasks WHERE run_id = ?`,
  );
  return {
    insert(run: NewRun): number {
      const { kind, job, requestedType, startedAt, streamSetting } = run;
      const body = job === null ? null : JSON.stringify(job);
      const warnings = JSON.stringify(run.warnings);
      return Number(
        insert.run(kind, job?.name ?? null, body, requestedType, startedAt, streamSetting, warnings)
          .lastInsertRowid,
      );
    },
    get(runId: number): RunRecord | undefined {
      const row = get.get(runId);
      return row && fromRow(row);
    },
    listOpen: (): readonly RunRecord[] => open.all().map(fromRow),
    list(job: string | undefined, limit: number): readonly RunRecord[] {
      return (job === undefined ? newest.all(limit) : newestOfJob.all(job, limit)).map(fromRow);
    },
    counts: (runId: number): RunCounts => counts.get(runId) ?? { tasks: 0, succeeded: 0, failed: 0 },
    setStreams: (runId: number, count: number, why: string): void => void streams.run(count, why, runId),
    setWarnings(runId: number, warnings: readonly Warning[]): void {
      setWarnings.run(JSON.stringify(warnings), runId);
    },
    finish(runId: number, outcome: RunOutcome, finishedAt: string, revision: number): void {
      finish.run(outcome, finishedAt, revision, runId);
    },
  };
}

function fromRow(row: Row): RunRecord {
  return {
    runId: row.run_id,
    kind: row.kind,
    job: row.body === null ? null : (JSON.parse(row.body) as Job),
    requestedType: row.requested_type,
    state: row.state,
    outcome: row.outcome,
    startedAt: row.started_at,
    finishedAt: row.finished_at,
    streamSetting: row.stream_setting,
    streams: row.streams,
    streamsWhy: row.streams_why,
    warnings: JSON.parse(row.warnings) as readonly Warning[],
    revision: row.revision,
  };
}
