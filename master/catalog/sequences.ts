/**
 * The numbers that are given to runs, tasks and attempts. They only ever rise: a run has one number for ever, and the number of an
 * attempt is its fencing token, also when the catalog was lost and these were given by another one.
 */
import { type Database } from './database.ts';

const TABLES = ['runs', 'tasks', 'attempts'] as const;

export type LastIds = Readonly<Record<(typeof TABLES)[number], number>>;

export function sequenceTable(database: Database) {
  const raise = database.prepare<[number, string]>(
    'UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?',
  );
  const start = database.prepare<[string, number]>('INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)');
  return {
    /** Gives only higher numbers from now on. Call it inside a transaction. */
    raise(ids: LastIds): void {
      for (const table of TABLES)
        if (raise.run(ids[table], table).changes === 0) start.run(table, ids[table]);
    },
  };
}
