/**
 * The catalog's SQLite file: how it is opened and brought to the newest version. WAL with full synchronisation: what was
 * answered to a worker survives a power cut. Only the master's process opens it; the lock file in instance-lock.ts sees to that.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteDatabase from 'better-sqlite3';
import { AppError } from '../../shared/base/errors.ts';

export type Database = SqliteDatabase.Database;

const MIGRATIONS = fileURLToPath(new URL('./migrations/', import.meta.url));
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Opens `file`, made when it is missing, at the newest version.
 * @throws AppError `CATALOG_VERSION_UNKNOWN` when a newer program wrote it, `CATALOG_FAILED` when SQLite cannot use it
 */
export function openDatabase(file: string): Database {
  let database: Database | undefined;
  try {
    database = new SqliteDatabase(file, { timeout: BUSY_TIMEOUT_MS });
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.pragma('foreign_keys = ON');
    migrate(database, file);
    return database;
  } catch (error) {
    database?.close();
    throw catalogError(error, `Cannot open the catalog "${path.basename(file)}"`);
  }
}

function migrate(database: Database, file: string): void {
  const scripts = readdirSync(MIGRATIONS)
    .filter((name) => /^\d{4}-.*\.sql$/.test(name))
    .sort();
  const version = Number(database.pragma('user_version', { simple: true }));
  if (version > scripts.length) {
    throw new AppError('CATALOG_VERSION_UNKNOWN', `Cannot open the catalog "${path.basename(file)}"`, {
      version,
      known: scripts.length,
    });
  }
  for (const [index, name] of scripts.entries()) {
    if (index < version) continue;
    const script = readFileSync(path.join(MIGRATIONS, name), 'utf8');
    const apply = database.transaction(() => {
      database.exec(script);
      database.pragma(`user_version = ${index + 1}`);
    });
    apply.immediate();
  }
}

/** An error of SQLite as ours; ours as it is. */
export function catalogError(error: unknown, what: string): unknown {
  if (!(error instanceof SqliteDatabase.SqliteError)) return error;
  return new AppError('CATALOG_FAILED', `${what}: ${error.message}`, { sqlite: error.code }, error);
}
