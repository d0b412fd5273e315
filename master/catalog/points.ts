/**
 * Questions about restore points. Each is answered from one index in time that does not grow with the number of points
 * (tests/unit/master/catalog asks SQLite for its plan); `vm` in a query may be a name, an instance UUID or a moref.
 */
import { type Database } from './database.ts';
import { type SavesetRecord, type SavesetRow, pointFromRow } from './saveset-rows.ts';

export interface PointFilter {
  readonly vm?: string | undefined;
  readonly job?: string | undefined;
  /** ISO time; only points not after it. */
  readonly before?: string | undefined;
  readonly limit: number;
}

/** Whose points a base may come from: the same job and the same VM. */
export interface BaseQuery {
  readonly job: string;
  readonly server: string;
  readonly vmUuid: string;
  readonly vmMoref: string;
  readonly fullOnly: boolean;
}

export type PointLink = Pick<SavesetRecord, 'savesetId' | 'baseId' | 'deviceId' | 'type' | 'createdAt'>;

/** Later than any ISO time of this catalog. */
const END_OF_TIME = '9999';

const BY_VM: readonly string[] = ['s.vm_name = @vm COLLATE NOCASE', 's.vm_uuid = @vm', 's.vm_moref = @vm'];

export function pointStatements(database: Database) {
  const select = (where: string) =>
    database.prepare<[Record<string, string | number>], SavesetRow>(
      `SELECT * FROM savesets s WHERE s.state = 'sealed' AND s.created_at <= @before ${where}
       ORDER BY s.created_at DESC LIMIT @limit`,
    );
  const all = select('');
  const ofJob = select('AND s.job = @job');
  const ofVm = BY_VM.map((condition) => select(`AND ${condition}`));
  const ofVmAndJob = BY_VM.map((condition) => select(`AND ${condition} AND +s.job = @job`));
  return {
    /** Newest first. */
    listPoints(filter: PointFilter): readonly SavesetRecord[] {
      const { vm = '', job = '', before = END_OF_TIME, limit } = filter;
      const bound = { before, limit, ...(vm && { vm }), ...(job && { job }) };
      if (vm === '') return (job === '' ? all : ofJob).all(bound).map(pointFromRow);
      for (const statement of job === '' ? ofVm : ofVmAndJob) {
        const rows = statement.all(bound);
        if (rows.length > 0) return rows.map(pointFromRow);
      }
      return [];
    },
    ...singleStatements(database),
    ...baseStatements(database),
  };
}

function singleStatements(database: Database) {
  const get = database.prepare<[string], SavesetRow>(
    `SELECT * FROM savesets WHERE saveset_id = ? AND state = 'sealed'`,
  );
  const beginning = database.prepare<[string, string, number], SavesetRow>(
    `SELECT * FROM savesets WHERE saveset_id >= ? AND saveset_id < ? AND state = 'sealed' LIMIT ?`,
  );
  const dependents = database.prepare<[string], { count: number }>(
    `WITH RECURSIVE above (id) AS (
       SELECT saveset_id FROM savesets WHERE base_id = ? AND state = 'sealed'
       UNION SELECT s.saveset_id FROM savesets s JOIN above ON s.base_id = above.id WHERE s.state = 'sealed')
     SELECT count(*) AS count FROM above`,
  );
  const onDevice = database.prepare<[string], { points: number }>(
    'SELECT points FROM devices WHERE device_id = ?',
  );
  const last = database.prepare<[string, string], { at: string | null }>(
    `SELECT max(created_at) AS at FROM savesets
     WHERE state = 'sealed' AND vm_moref = ? AND +server = ?`,
  );
  const link = database.prepare<[string], PointLink>(
    `SELECT saveset_id AS savesetId, base_id AS baseId, device_id AS deviceId, type, created_at AS createdAt
     FROM savesets WHERE saveset_id = ? AND state = 'sealed'`,
  );
  return {
    point: (savesetId: string): SavesetRecord | undefined => {
      const row = get.get(savesetId);
      return row && pointFromRow(row);
    },
    /** What follows a chain needs no more of a point, and a list of points follows many. */
    link: (savesetId: string): PointLink | undefined => link.get(savesetId),
    pointsBeginningWith(prefix: string, limit: number): readonly SavesetRecord[] {
      return beginning.all(prefix, `${prefix}g`, limit).map(pointFromRow);
    },
    /** Points that build on this one, directly or not. */
    dependents: (savesetId: string): number => dependents.get(savesetId)?.count ?? 0,
    countOnDevice: (deviceId: string): number => onDevice.get(deviceId)?.points ?? 0,
    lastPointAt: (server: string, moref: string): string | null => last.get(moref, server)?.at ?? null,
  };
}

function baseStatements(database: Database) {
  const newest = (key: string, types: string) =>
    database.prepare<[Record<string, string>], SavesetRow>(
      `SELECT * FROM savesets WHERE state = 'sealed' AND job = @job AND ${key} ${types}
       ORDER BY created_at DESC LIMIT 1`,
    );
  const byUuid = 'vm_uuid = @vmUuid';
  const byMoref = 'server = @server AND vm_moref = @vmMoref';
  const full = `AND type = 'full'`;
  const statements = {
    uuid: { any: newest(byUuid, ''), full: newest(byUuid, full) },
    moref: { any: newest(byMoref, ''), full: newest(byMoref, full) },
  };
  return {
    /** The newest point of this job and VM; without an instance UUID the server and moref say which VM it is. */
    newestPoint(query: BaseQuery): SavesetRecord | undefined {
      const { job, server, vmUuid, vmMoref } = query;
      const [kind, key] =
        vmUuid === '' ? (['moref', { job, server, vmMoref }] as const) : (['uuid', { job, vmUuid }] as const);
      const row = statements[kind][query.fullOnly ? 'full' : 'any'].get(key);
      return row && pointFromRow(row);
    },
  };
}
