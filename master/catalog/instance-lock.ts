/**
 * One service per data folder: a SQLite file of its own that is held in an exclusive transaction for the life of the
 * process. The lock is the system's, so it ends with the process, however that ends; nothing stale can stay behind.
 */
import path from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { AppError } from '../../shared/base/errors.ts';
import { catalogError } from './database.ts';

/**
 * Takes the lock of `folder` until it is disposed.
 * @throws AppError `SERVICE_ALREADY_RUNNING`
 */
export function lockInstance(folder: string): Disposable {
  const database = new SqliteDatabase(path.join(folder, 'lock.db'), { timeout: 0 });
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof SqliteDatabase.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new AppError(
        'SERVICE_ALREADY_RUNNING',
        `Cannot use the data folder "${folder}"`,
        { folder },
        error,
      );
    }
    throw catalogError(error, `Cannot lock the data folder "${folder}"`);
  }
  return { [Symbol.dispose]: () => void database.close() };
}
