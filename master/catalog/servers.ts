/** Rows of `servers`. The password is not among them: secrets.ts keeps it. */
import { type Database } from './database.ts';

export interface ServerRecord {
  readonly name: string;
  readonly url: string;
  readonly username: string;
  readonly fingerprint: string | null;
  /** Datastore name → folder where it is mounted on this host. */
  readonly datastorePaths: Readonly<Record<string, string>>;
}

interface Row {
  readonly name: string;
  readonly url: string;
  readonly username: string;
  readonly fingerprint: string | null;
  readonly datastore_paths: string;
}

export type ServerTable = ReturnType<typeof serverTable>;

export function serverTable(database: Database) {
  const put = database.prepare<[string, string, string, string | null, string]>(
    `INSERT INTO servers (name, url, username, fingerprint, datastore_paths) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (name) DO UPDATE SET url = excluded.url, username = excluded.username,
       fingerprint = excluded.fingerprint, datastore_paths = excluded.datastore_paths`,
  );
  const get = database.prepare<[string], Row>('SELECT * FROM servers WHERE name = ?');
  const all = database.prepare<[], Row>('SELECT * FROM servers ORDER BY name');
  const remove = database.prepare<[string]>('DELETE FROM servers WHERE name = ?');
  return {
    put(server: ServerRecord): void {
      const paths = JSON.stringify(server.datastorePaths);
      put.run(server.name, server.url, server.username, server.fingerprint, paths);
    },
    get(name: string): ServerRecord | undefined {
      const row = get.get(name);
      return row && fromRow(row);
    },
    list: (): readonly ServerRecord[] => all.all().map(fromRow),
    remove: (name: string): boolean => remove.run(name).changes > 0,
  };
}

function fromRow(row: Row): ServerRecord {
  const { datastore_paths, ...rest } = row;
  return { ...rest, datastorePaths: JSON.parse(datastore_paths) as Record<string, string> };
}
