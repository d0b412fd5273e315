/**
 * Every request that came in: what tests ask to see which calls a client made, and the envelopes on disk that
 * are checked against VMware's schema. The password of a Login is replaced before anything is kept.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export interface CallRecord {
  readonly number: number;
  readonly method: string;
  /** Moref of the target, or the path of a file request. */
  readonly object: string;
  /** Names of the object: moref, machine name. */
  readonly names: readonly string[];
  readonly atMs: number;
  /** Key of the session, '' without one. */
  readonly session: string;
  readonly body: string;
  /** Fault type or HTTP status of the answer; 'ok' when all went well, 'pending' before. */
  outcome: string;
  durationMs: number;
}

export interface CallFilter {
  readonly method?: string;
  readonly object?: string;
}

const MAX_RECORDS = 50_000;

export class CallLog {
  #records: CallRecord[] = [];
  #count = 0;
  readonly #dumpDir: string | undefined;
  readonly #password: string;

  constructor(password: string, dumpDir: string | undefined) {
    this.#password = password;
    this.#dumpDir = dumpDir;
  }

  add(entry: Pick<CallRecord, 'method' | 'object' | 'names' | 'session' | 'body'>): CallRecord {
    if (this.#records.length >= MAX_RECORDS) this.#records.shift();
    const record = {
      ...entry,
      body: this.redact(entry.body),
      number: ++this.#count,
      atMs: Date.now(),
      outcome: 'pending',
      durationMs: 0,
    };
    this.#records.push(record);
    return record;
  }

  redact(body: string): string {
    const hidden = body.replace(/(<(?:[\w.-]+:)?password[^>]*>)[^<]*/g, '$1REDACTED');
    return this.#password.length < 4 ? hidden : hidden.replaceAll(this.#password, 'REDACTED');
  }

  find(filter: CallFilter): CallRecord[] {
    return this.#records.filter(
      (record) =>
        (filter.method === undefined || filter.method === record.method) &&
        (filter.object === undefined ||
          record.names.includes(filter.object) ||
          record.object === filter.object),
    );
  }

  clear(): void {
    this.#records = [];
  }

  /** Writes one envelope as `000012-Login.req.xml`, when dumping is on. */
  async dump(record: CallRecord, kind: 'req' | 'res', body: string): Promise<void> {
    if (this.#dumpDir === undefined) return;
    await mkdir(this.#dumpDir, { recursive: true });
    const name = `${String(record.number).padStart(6, '0')}-${record.method}.${kind}.xml`;
    await writeFile(join(this.#dumpDir, name), this.redact(body));
  }
}
