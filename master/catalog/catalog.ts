/** The catalog: one SQLite file, one writer, a module per table. What must change together changes in one `transact`. */
import path from 'node:path';
import { type Database, catalogError, openDatabase } from './database.ts';
import { type DeviceTable, deviceTable } from './devices.ts';
import { type JobTable, jobTable } from './jobs.ts';
import { type RunTable, runTable } from './runs.ts';
import { type SavesetTable, savesetTable } from './savesets.ts';
import { sequenceTable } from './sequences.ts';
import { type ServerTable, serverTable } from './servers.ts';
import { type LedgerTable, ledgerTable } from './snapshot-ledger.ts';
import { type TaskTable, taskTable } from './tasks.ts';

export class Catalog implements Disposable {
  readonly servers: ServerTable;
  readonly devices: DeviceTable;
  readonly jobs: JobTable;
  readonly runs: RunTable;
  readonly tasks: TaskTable;
  readonly savesets: SavesetTable;
  readonly ledger: LedgerTable;
  readonly sequences: ReturnType<typeof sequenceTable>;
  readonly #database: Database;

  private constructor(database: Database) {
    this.#database = database;
    this.servers = serverTable(database);
    this.devices = deviceTable(database);
    this.jobs = jobTable(database);
    this.runs = runTable(database);
    this.tasks = taskTable(database);
    this.savesets = savesetTable(database);
    this.ledger = ledgerTable(database);
    this.sequences = sequenceTable(database);
  }

  /** Opens `catalog.db` in `folder`. @throws AppError `CATALOG_VERSION_UNKNOWN`, `CATALOG_FAILED` */
  static open(folder: string): Catalog {
    return new Catalog(openDatabase(path.join(folder, 'catalog.db')));
  }

  /** All of `work` or nothing of it, on the disk when it returns. @throws AppError `CATALOG_FAILED` */
  transact<T>(work: () => T): T {
    try {
      return this.#database.transaction(work).immediate();
    } catch (error) {
      throw catalogError(error, 'Cannot write to the catalog');
    }
  }

  /**
   * As `transact`, yet without waiting for the disk: the end of the process cannot undo it, a power cut may, then with all that
   * came later. Whatever `transact` writes after it makes it durable too. For what the next start finds out by looking.
   * @throws AppError `CATALOG_FAILED`
   */
  transactWithoutSync<T>(work: () => T): T {
    this.#database.pragma('synchronous = NORMAL');
    try {
      return this.transact(work);
    } finally {
      this.#database.pragma('synchronous = FULL');
    }
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
