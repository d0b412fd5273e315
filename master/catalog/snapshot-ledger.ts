/**
 * The ledger: every snapshot that may exist on a VM because of us. The intent is written before CreateSnapshot, the
 * moref after, `removed` last; so whatever a crash leaves behind is named here. Entries are found again by the exact
 * name of the snapshot, which is unique, and by nothing else.
 */
import { type WireError } from '../../shared/contract/wire-error.ts';
import { type Database } from './database.ts';

export type LedgerState = 'intent' | 'created' | 'removed' | 'failed';

export interface LedgerEntry {
  readonly snapshotName: string;
  readonly state: LedgerState;
  readonly server: string;
  readonly vmMoref: string;
  readonly vmName: string;
  readonly snapshotMoref: string | null;
  readonly runId: number;
  readonly taskId: number;
  readonly token: number;
  readonly intentAt: string;
  /** When a look found nothing of that name; null: it may exist. */
  readonly absentAt: string | null;
  readonly error: WireError | null;
}

export type NewEntry = Omit<LedgerEntry, 'state' | 'snapshotMoref' | 'absentAt' | 'error'>;

interface Row {
  readonly snapshot_name: string;
  readonly state: LedgerState;
  readonly server: string;
  readonly vm_moref: string;
  readonly vm_name: string;
  readonly snapshot_moref: string | null;
  readonly run_id: number;
  readonly task_id: number;
  readonly token: number;
  readonly intent_at: string;
  readonly absent_at: string | null;
  readonly error: string | null;
}

export type LedgerTable = ReturnType<typeof ledgerTable>;

export function ledgerTable(database: Database) {
  const intend = database.prepare(
    `INSERT INTO snapshot_ledger (snapshot_name, state, server, vm_moref, vm_name, run_id, task_id, token, intent_at)
     VALUES (@snapshotName, 'intent', @server, @vmMoref, @vmName, @runId, @taskId, @token, @intentAt)`,
  );
  const created = database.prepare<[string, string, number]>(
    `UPDATE snapshot_ledger SET state = 'created', snapshot_moref = ? WHERE snapshot_name = ? AND token = ?`,
  );
  const removed = database.prepare<[string, string]>(
    `UPDATE snapshot_ledger SET state = 'removed', removed_at = ?, error = NULL WHERE snapshot_name = ?`,
  );
  const failed = database.prepare<[string, string]>(
    `UPDATE snapshot_ledger SET state = 'failed', error = ? WHERE snapshot_name = ? AND state != 'removed'`,
  );
  const absent = database.prepare<[string, string]>(
    'UPDATE snapshot_ledger SET absent_at = ?, error = NULL WHERE snapshot_name = ?',
  );
  const owner = database.prepare<[string], { token: number }>(
    'SELECT token FROM snapshot_ledger WHERE snapshot_name = ?',
  );
  const open = (where: string) =>
    database.prepare<(string | number)[], Row>(
      `SELECT * FROM snapshot_ledger WHERE state != 'removed' ${where} ORDER BY entry_id`,
    );
  const openAll = open('');
  const openOfVm = open('AND server = ? AND vm_moref = ?');
  const openOfToken = open('AND token = ?');
  const openOfRun = open('AND run_id = ?');
  return {
    intend: (entry: NewEntry): void => void intend.run(entry),
    /** True when the token owns an entry of that name. */
    created: (name: string, moref: string, token: number): boolean =>
      created.run(moref, name, token).changes > 0,
    removed: (name: string, at: string): void => void removed.run(at, name),
    absent: (name: string, at: string): void => void absent.run(at, name),
    failed: (name: string, error: WireError): void => void failed.run(JSON.stringify(error), name),
    tokenOf: (name: string): number | undefined => owner.get(name)?.token,
    open: (): readonly LedgerEntry[] => openAll.all().map(fromRow),
    openOfVm: (server: string, moref: string): readonly LedgerEntry[] =>
      openOfVm.all(server, moref).map(fromRow),
    openOfToken: (token: number): readonly LedgerEntry[] => openOfToken.all(token).map(fromRow),
    openOfRun: (runId: number): readonly LedgerEntry[] => openOfRun.all(runId).map(fromRow),
  };
}

function fromRow(row: Row): LedgerEntry {
  return {
    snapshotName: row.snapshot_name,
    state: row.state,
    server: row.server,
    vmMoref: row.vm_moref,
    vmName: row.vm_name,
    snapshotMoref: row.snapshot_moref,
    runId: row.run_id,
    taskId: row.task_id,
    token: row.token,
    intentAt: row.intent_at,
    absentAt: row.absent_at,
    error: row.error === null ? null : (JSON.parse(row.error) as WireError),
  };
}
