/** Rows of `jobs`: a job is kept as the JSON of its definition. */
import { type Job } from '../../shared/domain/job.ts';
import { type Database } from './database.ts';

export type JobTable = ReturnType<typeof jobTable>;

export function jobTable(database: Database) {
  const put = database.prepare<[string, string]>(
    'INSERT INTO jobs (name, body) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET body = excluded.body',
  );
  const get = database.prepare<[string], { body: string }>('SELECT body FROM jobs WHERE name = ?');
  const all = database.prepare<[], { body: string }>('SELECT body FROM jobs ORDER BY name');
  const remove = database.prepare<[string]>('DELETE FROM jobs WHERE name = ?');
  const parse = (row: { body: string }): Job => JSON.parse(row.body) as Job;
  return {
    put: (job: Job): void => void put.run(job.name, JSON.stringify(job)),
    get(name: string): Job | undefined {
      const row = get.get(name);
      return row && parse(row);
    },
    list: (): readonly Job[] => all.all().map(parse),
    remove: (name: string): boolean => remove.run(name).changes > 0,
  };
}
