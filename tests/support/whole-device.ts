/** A small device with every kind of object on it, in memory, and what a check and a verification say of it. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../shared/base/clock.ts';
import { wholeOf } from '../../shared/domain/extent.ts';
import { type KnownState } from '../../shared/contract/ipc.ts';
import { type CheckReport } from '../../shared/contract/device-report.ts';
import {
  condemnedName,
  movedName,
  packIdOf,
  packName,
  savesetFolder,
  waitsName,
} from '../../shared/format/names.ts';
import { type MovedRecord, encodeMovedRecords } from '../../shared/format/moved-records.ts';
import { CHUNK_HEADER_BYTES } from '../../shared/format/pack.ts';
import { encodePin } from '../../shared/format/pin.ts';
import { encodeCondemned, encodeWaits } from '../../shared/format/reclaim-documents.ts';
import { beginAttempt } from '../../shared/repository/attempts.ts';
import { markDamaged } from '../../shared/repository/damage-marks.ts';
import { type NewDevice, type OpenDevice, readDeviceHeader } from '../../shared/repository/device.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { type Check } from '../../worker/check/check.ts';
import { checkDevice, reportOf } from '../../worker/check/check-device.ts';
import { scanRecords } from '../../worker/check/record-scan.ts';
import { type RepairLog, repairDevice } from '../../worker/check/repair.ts';
import { CodePool } from '../../worker/pipeline/thread-pool.ts';
import { verifyPoint } from '../../worker/verify/verify-point.ts';
import { type DiskPart, GRID, TestChain, testContext, testDevice } from './saveset-chain.ts';

const CELLS = 30;
const CAPACITY = CELLS * GRID;
const FILES = { 'vm-config.json': '{"name":"db01"}', nvram: 'firmware' };
const LIVE_ATTEMPT = 'a'.repeat(16);
const SWEEP = 'b'.repeat(16);

const wholeDisk = (): DiskPart => ({
  source: randomBytes(CAPACITY),
  layers: [{ kind: 'data', extents: wholeOf(CAPACITY) }],
  rest: 'free',
});

const oneCell = (cell: number): DiskPart => ({
  source: randomBytes(CAPACITY),
  layers: [{ kind: 'data', extents: [{ start: cell * GRID, length: GRID }] }],
  rest: 'same',
});

export class WholeDevice implements AsyncDisposable {
  readonly storage: MemoryStorage;
  readonly device: OpenDevice;
  readonly chains: readonly TestChain[];
  readonly #pool: CodePool;

  private constructor(device: OpenDevice, storage: MemoryStorage, pool: CodePool, chains: TestChain[]) {
    this.device = device;
    this.storage = storage;
    this.#pool = pool;
    this.chains = chains;
  }

  /** Two VMs with a full point and an increment each. One pack was rewritten, one sweep waits, one attempt goes on. */
  static async make(options: Omit<NewDevice, 'clock'> = {}): Promise<WholeDevice> {
    const storage = new MemoryStorage();
    const device = await testDevice(storage, options);
    const pool = new CodePool({ threads: 1, gridBytes: GRID, cipher: device.cipher });
    const chains = [new TestChain(pool), new TestChain(pool)];
    for (const chain of chains) {
      await chain.add(device, [wholeDisk()], FILES);
      await chain.add(device, [oneCell(3)], FILES);
    }
    const whole = new WholeDevice(device, storage, pool, chains);
    await whole.#addSmallObjects();
    return whole;
  }

  get points(): readonly string[] {
    return this.chains.flatMap(({ links }) => links.map(({ savesetId }) => savesetId));
  }

  names(pattern: RegExp): string[] {
    return [...this.storage.objects.keys()].filter((name) => pattern.test(name)).sort();
  }

  bytes(name: string): Uint8Array {
    return this.storage.objects.get(name)!;
  }

  /** Other bytes in the place of an object; undefined removes it. */
  replace(name: string, bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.storage.objects.delete(name);
    else this.storage.objects.set(name, bytes);
  }

  flip(name: string, at: number, bit = 0): void {
    const bytes = new Uint8Array(this.bytes(name));
    bytes[at]! ^= 1 << bit;
    this.replace(name, bytes);
  }

  /** A device with the same objects, to be damaged. */
  copy(): WholeDevice {
    const storage = new MemoryStorage();
    for (const [name, bytes] of this.storage.objects) storage.objects.set(name, bytes);
    return new WholeDevice({ ...this.device, storage }, storage, this.#pool, [...this.chains]);
  }

  async check(
    options: {
      payloads?: boolean;
      states?: Record<string, KnownState>;
      locked?: boolean;
      nowMs?: number;
    } = {},
  ): Promise<Check> {
    const { payloads = true, states = {}, locked = false, nowMs = systemClock.nowMs() } = options;
    const { storage, cipher } = this.device;
    const header = await readDeviceHeader(storage, this.device.header.deviceId);
    const known = new Map<string, KnownState>([[LIVE_ATTEMPT, 'live'], ...Object.entries(states)]);
    return checkDevice(
      { storage, header, cipher: locked ? null : cipher },
      {
        signal: new AbortController().signal,
        payloads,
        nowMs,
        statesOf: (ids) => Promise.resolve(new Map(ids.map((id) => [id, known.get(id) ?? 'unknown']))),
        progress: () => undefined,
      },
    );
  }

  async report(options: Parameters<WholeDevice['check']>[0] = {}): Promise<CheckReport> {
    return reportOf(await this.check(options));
  }

  async repair(check: Check, dryRun = false): Promise<RepairLog> {
    return repairDevice(check, { attemptId: 'c'.repeat(16), clock: systemClock, dryRun });
  }

  /** The points that cannot be restored completely. */
  async lostPoints(): Promise<string[]> {
    const lost: string[] = [];
    for (const { links } of this.chains) {
      for (let i = 0; i < links.length; i++) {
        if (!(await this.#restores(links.slice(i)))) lost.push(links[i]!.savesetId);
      }
    }
    return lost.sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool[Symbol.asyncDispose]();
  }

  async #restores(chain: TestChain['links']): Promise<boolean> {
    const ids = { taskId: 1, attempt: 1, token: 7, runId: 1 };
    const { context } = testContext(this.device, this.#pool);
    const { failure } = await verifyPoint({ kind: 'verify', ...ids, chain }, context);
    return failure === undefined;
  }

  async #addSmallObjects(): Promise<void> {
    const { storage } = this;
    const savesetId = this.points[0]!;
    const pin = {
      format: 'blockhouse-pin',
      version: 1,
      savesetId,
      pinnedAt: '2026-01-31T12:00:00.000Z',
    } as const;
    await storage.put(`${savesetFolder(savesetId)}/pin.json`, encodePin({ ...pin, note: '' }));
    const startedAt = '2026-01-31T12:00:00.000Z';
    const task = { runId: 1, taskId: 1, token: 1 };
    await beginAttempt(storage, { attemptId: LIVE_ATTEMPT, kind: 'backup', startedAt, ...task });
    const packId = await this.#rewrite();
    const packs = [{ packId, reason: 'rewritten' as const }];
    await storage.put(condemnedName(SWEEP), encodeCondemned({ sweepId: SWEEP, createdAt: startedAt, packs }));
    await storage.put(waitsName(SWEEP), encodeWaits({ sweepId: SWEEP, attempts: [LIVE_ATTEMPT] }));
    await markDamaged(storage, { packId, offset: 44 });
  }

  /** Writes a pack anew, as reclaiming does, and removes the old one. */
  async #rewrite(): Promise<string> {
    const { storage } = this;
    const name = this.names(/^packs/)[0]!;
    const packId = packIdOf(name)!;
    const signal = new AbortController().signal;
    const moved: MovedRecord[] = [];
    await using writer = new PackWriter(storage, LIVE_ATTEMPT);
    for await (const record of scanRecords(
      storage,
      { packId, lengthBytes: this.bytes(name).length },
      signal,
    )) {
      const at = await writer.append({ ...record, payload: record.bytes.subarray(CHUNK_HEADER_BYTES) });
      moved.push({ ...at, oldOffset: record.offset });
    }
    await writer.finish();
    await storage.put(movedName(packId), encodeMovedRecords(packId, moved));
    storage.objects.delete(packName(packId));
    return packId;
  }
}
