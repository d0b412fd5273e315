/**
 * Removes snapshots that outlived their task: those of the ledger whose token is not live any more, found again by exact name.
 * It looks at the start, from time to time, and at once when a worker has gone. It separates two things: a task of a VM
 * begins only after the VM's left-overs are gone (dispatcher), and one VM is cleaned once at a time (here).
 *
 * An intent whose snapshot is not found stays in the ledger for SETTLE_MS: the worker may have died while CreateSnapshot was on its
 * way to the server, and the snapshot may appear after the look.
 */
import { type Clock, isoTime } from '../shared/base/clock.ts';
import { type Log } from '../shared/base/log.ts';
import { type ServerAccess } from '../shared/contract/ipc.ts';
import { toWireError } from '../shared/contract/wire-error.ts';
import { type Catalog } from './catalog/catalog.ts';
import { type LedgerEntry } from './catalog/snapshot-ledger.ts';
import { type Removal, type SnapshotCleaner } from './dispatch/ports.ts';

const SETTLE_MS = 15 * 60_000;
/** A look that finds nothing where CreateSnapshot may be under way is repeated so often, with a pause. */
const LOOKS = 3;
const LOOK_PAUSE_MS = 1_000;

export interface JanitorOptions {
  readonly catalog: Catalog;
  readonly cleaner: SnapshotCleaner;
  /** @throws AppError when the server is not registered any more */
  readonly accessOf: (server: string) => ServerAccess;
  /** True while an attempt under this token may still use its snapshot. */
  readonly isLive: (token: number) => boolean;
  readonly clock: Clock;
  readonly log: Log;
  readonly everyMs: number;
}

export class Janitor implements AsyncDisposable {
  readonly #options: JanitorOptions;
  readonly #stop = new AbortController();
  readonly #cleaning = new Map<string, Promise<void>>();
  #timer: Disposable | undefined;

  constructor(options: JanitorOptions) {
    this.#options = options;
  }

  /** Looks now, without anybody waiting, and then from time to time. */
  start(): void {
    const look = (): void => void this.cleanAll();
    this.#timer = this.#options.clock.every(this.#options.everyMs, look);
    look();
  }

  /** Everything that is left over. Errors stay in the entries. */
  async cleanAll(): Promise<void> {
    const vms = new Map(
      this.#leftOver(this.#options.catalog.ledger.open()).map((entry) => [vmKey(entry), entry]),
    );
    await Promise.all([...vms.values()].map((entry) => this.cleanVm(entry.server, entry.vmMoref)));
  }

  /** What is left over on one VM. Never rejects: look into the ledger for what became of it. */
  async cleanVm(server: string, vmMoref: string): Promise<void> {
    const key = vmKey({ server, vmMoref });
    const running = this.#cleaning.get(key);
    if (running !== undefined) return running;
    const work = this.#clean(server, vmMoref).finally(() => this.#cleaning.delete(key));
    this.#cleaning.set(key, work);
    return work;
  }

  async #clean(server: string, vmMoref: string): Promise<void> {
    for (let look = 1; look <= LOOKS && !this.#stop.signal.aborted; look++) {
      const entries = this.#leftOver(this.#options.catalog.ledger.openOfVm(server, vmMoref));
      if (entries.length === 0) return;
      const again = await this.#look(server, entries);
      if (!again || look === LOOKS) return;
      await this.#options.clock.sleep(LOOK_PAUSE_MS, this.#stop.signal).catch(() => undefined);
    }
  }

  /** True when an intent was not found that may still become a snapshot. */
  async #look(server: string, entries: readonly LedgerEntry[]): Promise<boolean> {
    const { cleaner, accessOf, log } = this.#options;
    try {
      const removals = await cleaner.remove(accessOf(server), entries, this.#stop.signal);
      return removals.map((removal) => this.#record(removal, entries)).includes(true);
    } catch (error) {
      if (this.#stop.signal.aborted) return false;
      log.warn('cannot look for left-over snapshots', { server, error });
      for (const entry of entries)
        this.#options.catalog.ledger.failed(entry.snapshotName, toWireError(error));
      return false;
    }
  }

  #record(removal: Removal, entries: readonly LedgerEntry[]): boolean {
    const { catalog, log, clock } = this.#options;
    const name = removal.snapshotName;
    const entry = entries.find((candidate) => candidate.snapshotName === name);
    if (entry === undefined) return false;
    const now = clock.nowMs();
    log.info('looked for a left-over snapshot', { snapshot: name, vm: entry.vmName, result: removal.result });
    if (removal.result === 'failed') catalog.ledger.failed(name, toWireError(removal.error));
    else if (removal.result === 'absent' && mayStillAppear(entry, now)) {
      catalog.ledger.absent(name, isoTime(now));
      return entry.absentAt === null;
    } else catalog.ledger.removed(name, isoTime(now));
    return false;
  }

  #leftOver(entries: readonly LedgerEntry[]): readonly LedgerEntry[] {
    return entries.filter((entry) => !this.#options.isLive(entry.token));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timer?.[Symbol.dispose]();
    this.#stop.abort();
    await Promise.allSettled(this.#cleaning.values());
  }
}

function mayStillAppear(entry: LedgerEntry, nowMs: number): boolean {
  return entry.snapshotMoref === null && nowMs - Date.parse(entry.intentAt) < SETTLE_MS;
}

function vmKey(entry: { readonly server: string; readonly vmMoref: string }): string {
  return `${entry.server}\n${entry.vmMoref}`;
}
