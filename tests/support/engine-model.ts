/**
 * Guests, their restore points, and one device, with all that may be done to them: the engine under test beside the model of what
 * it must give back. No server, no service; the device is worked on by the functions that a worker uses.
 */
import path from 'node:path';
import { isoTime } from '../../shared/base/clock.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { KiB } from '../../shared/base/units.ts';
import { type ReclaimReport } from '../../shared/contract/device-report.ts';
import { type ChainLink } from '../../shared/contract/ipc.ts';
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { type RetentionPolicy } from '../../shared/domain/retention.ts';
import { ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { decodeRecord } from '../../shared/repository/decode-record.ts';
import { type DeviceCipher } from '../../shared/repository/device-cipher.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { type RecordDecoder } from '../../shared/repository/chunk-reader.ts';
import {
  clearAttempts,
  discardAttempt,
  readSealedManifest,
  removeSaveset,
  seal,
} from '../../shared/repository/saveset-store.ts';
import { scanSavesets } from '../../shared/repository/scan-savesets.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { chainOf } from '../../master/jobs/chain.ts';
import { planRetention } from '../../master/retention/plan-retention.ts';
import { consolidatePoint } from '../../worker/consolidate/consolidate-point.ts';
import { CodePool } from '../../worker/pipeline/thread-pool.ts';
import { reclaimDevice } from '../../worker/reclaim/reclaim-device.ts';
import { type OpenStream } from '../../worker/task-context.ts';
import { ProvenRecords } from '../../worker/verify/proven-records.ts';
import { EngineBackup, type EnginePoint, TOKEN, linkOf } from './engine-backup.ts';
import { GRAIN, GuestDisk } from './guest-disk.ts';
import { newId, taskContext } from './reclaim-world.ts';

export const ENGINE_GRID = 16 * KiB;
/** A disk of the model has several segments, the last of them short. */
export const ENGINE_SEGMENT = 4 * ENGINE_GRID;
const HOUR_SECONDS = 3600;
const { signal } = new AbortController();

/** Codes in threads as a worker does; decodes here, since a message costs more than a small chunk. */
export class EnginePool extends CodePool {
  override decoder(cipher: DeviceCipher): RecordDecoder {
    return (record, chunk, into) => decodeRecord(cipher, record, chunk, into);
  }
}

export interface Guest {
  readonly name: string;
  readonly disks: readonly GuestDisk[];
  abm: boolean;
  /** Whether copies that it keeps of older states are left out. */
  dropCopies: boolean;
  /** Its own stream, whose lookup may be older than what others did to the device. */
  stream: OpenStream;
  open: EngineBackup | undefined;
}

/** A consolidation that was not brought to its end. */
interface Replacing {
  readonly savesetId: string;
  readonly old: EnginePoint;
  isSealing: boolean;
}

export interface EngineOptions {
  readonly pool: EnginePool;
  /** Where the lookups of streams are remembered. */
  readonly cacheFolder?: string | undefined;
}

export class EngineWorld {
  device: OpenDevice;
  guests: readonly Guest[];
  readonly points = new Map<string, EnginePoint>();
  /** Savesets that are to be removed: as the catalog's state `removing`. */
  readonly removing = new Set<string>();
  /** Old saveset → the one that stands for it. */
  readonly replaced = new Map<string, string>();
  replacing: Replacing | undefined;
  /** Given up for a lookup that was too old, and made again. */
  retries = 0;
  /** Ids of chunks of which a record was damaged on purpose. */
  readonly brokenChunks = new Set<string>();
  readonly #options: EngineOptions;
  #at = 0;

  constructor(device: OpenDevice, options: EngineOptions) {
    this.device = device;
    this.#options = options;
    const guest = (name: string, ...capacities: readonly number[]): Guest => {
      const disks = capacities.map((bytes, i) => new GuestDisk(2000 + i, bytes));
      return { name, disks, abm: true, dropCopies: false, stream: this.openStream(), open: undefined };
    };
    this.guests = [
      guest('db01', 2 * ENGINE_SEGMENT + 2 * ENGINE_GRID + GRAIN + 512, ENGINE_GRID + GRAIN),
      guest('web01', ENGINE_SEGMENT),
    ];
  }

  /** The same guests and points over a copy of the device; nothing may be open. Bytes of guests are shared. */
  copyTo(storage: Storage): EngineWorld {
    const copy = new EngineWorld({ ...this.device, storage }, this.#options);
    copy.guests = this.guests.map((guest) => ({ ...guest, stream: copy.openStream(), open: undefined }));
    for (const [savesetId, point] of this.points) copy.points.set(savesetId, point);
    for (const [oldId, savesetId] of this.replaced) copy.replaced.set(oldId, savesetId);
    copy.#at = this.#at;
    return copy;
  }

  /** A moment; hours lie between two of them, so that retention has days to count. */
  tick(): number {
    return (this.#at += 7 * HOUR_SECONDS);
  }

  openStream(): OpenStream {
    const { device } = this;
    const { deviceId } = device.header;
    const { pool, cacheFolder } = this.#options;
    const cache = cacheFolder === undefined ? undefined : { file: this.cacheFile, deviceId };
    let lookup: ChunkLookup | undefined;
    return {
      ...device,
      access: { deviceId, name: 'tape0', path: device.storage.location, key: null },
      pool,
      lookup: async (until) => (lookup ??= await ChunkLookup.open(device, { signal: until, cache })),
      lookupElsewhere: (other, until) => ChunkLookup.open(other, { signal: until }),
      forgetLookup: () => (lookup = undefined),
      proven: new ProvenRecords(),
    };
  }

  /** Of the lookup; only with a folder for it. */
  get cacheFile(): string {
    return path.join(this.#options.cacheFolder ?? '', `lookup-${this.device.header.deviceId}.bin`);
  }

  // --- backups

  /** Begins a backup; what was open of the guest is brought to its end before. */
  async begin(guest: Guest, type: BackupType): Promise<EngineBackup> {
    await this.settle(guest, 'seal');
    const at = this.tick();
    const disks = guest.disks.map((disk) => disk.freeze(at));
    const base = type === 'full' ? undefined : this.newest(guest.name, type === 'differential');
    const { abm, dropCopies } = guest;
    const filter = { abm, dropCopies };
    const order = { guest: guest.name, disks, at, ...filter, base, type: base ? type : 'full' } as const;
    guest.open = new EngineBackup(order, guest.stream);
    await guest.open.begin();
    return guest.open;
  }

  /** All of a backup but its seal; made anew when the stream knew packs that had gone, which is what the service does. */
  async store(guest: Guest): Promise<void> {
    const backup = guest.open!;
    if (backup.isStored) return;
    try {
      await backup.store();
    } catch (error) {
      if (!hasCode(error, 'REPO_PACK_GONE')) throw error;
      await this.settle(guest, 'discard');
      this.retries++;
      await (await this.begin(guest, backup.order.type)).store();
    }
  }

  /** Brings what is open of a guest to its end. */
  async settle(guest: Guest, how: 'seal' | 'discard'): Promise<void> {
    if (guest.open === undefined) return;
    if (how === 'seal') {
      await this.store(guest);
      await this.#seal(guest.open);
    } else {
      await discardAttempt(this.device.storage, guest.open.savesetId);
      guest.stream.forgetLookup();
    }
    guest.open = undefined;
    await this.#removeReplaced();
  }

  async backUp(guest: Guest, type: BackupType): Promise<string> {
    await this.begin(guest, type);
    await this.store(guest);
    const { savesetId } = guest.open!;
    await this.settle(guest, 'seal');
    return savesetId;
  }

  /** Brings a backup of anybody from its beginning to its end. */
  async run(backup: EngineBackup): Promise<void> {
    await backup.begin();
    await backup.store();
    await this.#seal(backup);
  }

  async #seal(backup: EngineBackup): Promise<void> {
    backup.isSealing = true;
    await seal(this.device, backup.savesetId, { token: TOKEN, sealedAt: isoTime(0) });
    this.#addPoint(backup.point);
  }

  #addPoint(point: EnginePoint): void {
    const { baseId } = point;
    const now = baseId === null ? null : (this.replaced.get(baseId) ?? baseId);
    this.points.set(point.savesetId, { ...point, baseId: now });
  }

  // --- points

  newest(guest: string, onlyFull = false): EnginePoint | undefined {
    const all = [...this.points.values()].filter((point) => point.guest === guest);
    const fitting = all.filter(({ type }) => !onlyFull || type === 'full');
    return fitting.sort((a, b) => b.at - a.at)[0];
  }

  chain({ savesetId }: Pick<EnginePoint, 'savesetId'>, stream: OpenStream): ChainLink[] {
    const lookup = (id: string) => {
      const point = this.points.get(id);
      return point && { ...point, deviceId: this.device.header.deviceId };
    };
    const { points, missing } = chainOf(lookup(savesetId)!, lookup);
    if (missing !== null) throw new Error(`The model lost ${missing} of the chain of ${savesetId}`);
    return points.map((point) => linkOf(point.savesetId, stream));
  }

  /** Removes what no rule keeps, dependents first. */
  async prune(policy: RetentionPolicy): Promise<void> {
    for (const { name } of this.guests) {
      const points = [...this.points.values()].filter(({ guest }) => guest === name);
      const retained = points.map((point) => ({ ...point, verifiedAt: null, pinNote: null }));
      const verdicts = planRetention(retained, {
        policy,
        nowMs: this.#at * 1000,
        inUse: new Map(this.#inUse().map((savesetId) => [savesetId, 1])),
        whyLeft: () => undefined,
      });
      const gone = new Set(verdicts.flatMap(({ point, keep }) => (keep ? [] : [point.savesetId])));
      for (let leaf = this.#leafOf(gone); leaf !== undefined; leaf = this.#leafOf(gone))
        await this.remove(leaf);
    }
  }

  /** The points that nothing builds on, and nobody uses. */
  get leaves(): string[] {
    const needed = new Set([...[...this.points.values()].map(({ baseId }) => baseId), ...this.#inUse()]);
    return [...this.points.keys()].filter((savesetId) => !needed.has(savesetId));
  }

  #leafOf(ids: ReadonlySet<string>): string | undefined {
    return this.leaves.find((savesetId) => ids.has(savesetId));
  }

  #inUse(): string[] {
    return this.guests.flatMap(({ open }) => {
      const base = open?.order.base?.savesetId;
      return base === undefined ? [] : [base, this.replaced.get(base) ?? base];
    });
  }

  async remove(savesetId: string): Promise<void> {
    this.points.delete(savesetId);
    this.removing.add(savesetId);
    await removeSaveset(this.device.storage, savesetId);
    this.removing.delete(savesetId);
  }

  // --- consolidating

  /** Makes a full point of one that is none; as the service does, it is sealed first, and then the old one goes. */
  async consolidate(old: EnginePoint): Promise<string> {
    const savesetId = newId();
    this.replacing = { savesetId, old, isSealing: false };
    const stream = this.openStream();
    const ids = { taskId: 1, attempt: 1, token: TOKEN, runId: 1 };
    const chain = this.chain(old, stream);
    const spec = { kind: 'consolidate' as const, ...ids, savesetId, device: stream.access, chain };
    await consolidatePoint(spec, taskContext(stream));
    this.replacing.isSealing = true;
    await this.#sealReplacing(this.replacing);
    return savesetId;
  }

  async #sealReplacing({ savesetId, old }: Replacing): Promise<void> {
    await seal(this.device, savesetId, { token: TOKEN, sealedAt: isoTime(0) });
    const { standsFor } = await readSealedManifest(this.device, savesetId);
    for (const oldId of standsFor) this.#replace(oldId, savesetId);
    this.points.delete(old.savesetId);
    this.points.set(savesetId, { ...old, savesetId, type: 'full', baseId: null });
    this.removing.add(old.savesetId);
    this.replacing = undefined;
    await this.#removeReplaced();
  }

  #replace(oldId: string, savesetId: string): void {
    this.replaced.set(oldId, savesetId);
    for (const point of this.points.values())
      if (point.baseId === oldId) this.points.set(point.savesetId, { ...point, baseId: savesetId });
  }

  /** Not while a task may read one of them. */
  async #removeReplaced(): Promise<void> {
    const inUse = new Set(this.#inUse());
    for (const savesetId of this.removing) {
      if (inUse.has(savesetId)) continue;
      await removeSaveset(this.device.storage, savesetId);
      this.removing.delete(savesetId);
    }
  }

  // --- the device

  async reclaim(sparsePercent = 50): Promise<ReclaimReport> {
    const stream = this.openStream();
    const { report } = await reclaimDevice(
      {
        ...{ kind: 'reclaim', taskId: 1, attempt: 1, token: TOKEN, runId: 1, attemptId: newId() },
        ...{ device: stream.access, dryRun: false, sparsePercent },
      },
      taskContext(stream),
    );
    if (report?.kind !== 'reclaim') throw new Error('Reclaiming gave no report');
    return report;
  }

  /** Forgets bases and what stands for what, and reads them from the device, as rebuilding a catalog does. */
  async rebuild(): Promise<void> {
    const found = new Map<string, EnginePoint>();
    this.replaced.clear();
    await scanSavesets(
      this.device,
      (saveset) => {
        if (saveset.error !== null) throw saveset.error;
        const { savesetId, manifest } = saveset;
        const known = this.points.get(savesetId);
        for (const oldId of manifest.standsFor) this.replaced.set(oldId, savesetId);
        if (known === undefined) {
          if (!this.removing.has(savesetId)) throw new Error(`Nobody made point ${savesetId}`);
          return;
        }
        const { type, createdAt, vm, base } = manifest;
        found.set(savesetId, { ...known, type, createdAt, guest: vm.name, baseId: base?.savesetId ?? null });
      },
      signal,
    );
    const lost = [...this.points.keys()].filter((savesetId) => !found.has(savesetId));
    if (lost.length > 0) throw new Error(`The device lost the points ${lost.join(', ')}`);
    this.points.clear();
    for (const point of found.values()) this.#addPoint(point);
  }

  /**
   * The same device after everything that used it died: what a start of the service does, by what the catalog knows. With
   * `storage` in place of the one that died.
   */
  async recover(storage: Storage): Promise<void> {
    this.reconnect(storage);
    for (const guest of this.guests) {
      const { open } = guest;
      guest.open = undefined;
      if (open?.isSealing === true) await this.#seal(open);
      else if (open !== undefined) await discardAttempt(storage, open.savesetId);
    }
    const { replacing } = this;
    this.replacing = undefined;
    if (replacing?.isSealing === true) await this.#sealReplacing(replacing);
    else if (replacing !== undefined) await discardAttempt(storage, replacing.savesetId);
    for (const savesetId of this.removing) await removeSaveset(storage, savesetId);
    this.removing.clear();
    await clearAttempts(storage, () => true);
  }

  /** Every stream is opened anew, on this storage. */
  reconnect(storage: Storage): void {
    this.device = { ...this.device, storage };
    for (const guest of this.guests) guest.stream = this.openStream();
  }
}
