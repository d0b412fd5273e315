/**
 * Restore points of one small disk, written step by step as a backup writes them, so that a test can stop in the middle. A cell
 * is one number: equal numbers are equal chunks, 0 is zeros.
 */
import { ProvenRecords } from '../../worker/verify/proven-records.ts';
import { randomBytes } from 'node:crypto';
import { assert } from 'chai';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { KiB } from '../../shared/base/units.ts';
import { type ReclaimReport } from '../../shared/contract/device-report.ts';
import { buildExtentMap } from '../../shared/domain/extent-map.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { type DiskIndex, refsOf } from '../../shared/format/disk-index.ts';
import { PACKS_FOLDER, packIdOf } from '../../shared/format/names.ts';
import { beginAttempt, endAttempt, listAttempts } from '../../shared/repository/attempts.ts';
import { ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { ChunkReader } from '../../shared/repository/chunk-reader.ts';
import { type OpenDevice, createDevice, openDevice } from '../../shared/repository/device.ts';
import { MovedPlaces } from '../../shared/repository/moved-places.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import {
  discardAttempt,
  isSealed,
  listSealed,
  putManifest,
  readDiskIndex,
  readSealedManifest,
  removeSaveset,
  seal,
} from '../../shared/repository/saveset-store.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { IndexWriter } from '../../worker/backup/index-writer.ts';
import { openKnownChunks } from '../../worker/backup/known-chunks.ts';
import { CodePool } from '../../worker/pipeline/thread-pool.ts';
import { reclaimDevice } from '../../worker/reclaim/reclaim-device.ts';
import { type OpenStream, type TaskContext } from '../../worker/task-context.ts';
import { aManifest, aManifestDisk } from '../unit/format/samples.ts';
import { store } from '../unit/repository/chunks.ts';

const CELL = 4 * KiB;
const KEY = 2000;
const { signal } = new AbortController();
const at = '2026-01-31T12:10:00.000Z';

export const newId = (): string => randomBytes(8).toString('hex');

/** A device whose chunks are 4 KiB. */
export async function smallDevice(storage: Storage): Promise<OpenDevice> {
  return createDevice(storage, { clock: systemClock, gridBytes: CELL });
}

/** A cell's bytes: they do not shrink, so that packs have lengths to count with. */
export function cellBytes(seed: number): Uint8Array {
  const bytes = new Uint8Array(CELL);
  let state = seed * 2_654_435_761;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** What a worker keeps over its tasks. */
export function smallStream(device: OpenDevice): OpenStream {
  let lookup: ChunkLookup | undefined;
  return {
    ...device,
    access: {
      deviceId: device.header.deviceId,
      name: 'tape0',
      path: device.storage.location,
      key: null,
    },
    pool: Object.create(CodePool.prototype) as CodePool,
    lookup: async (until) => (lookup ??= await ChunkLookup.open(device, { signal: until })),
    lookupElsewhere: (other, until) => ChunkLookup.open(other, { signal: until }),
    forgetLookup: () => (lookup = undefined),
    proven: new ProvenRecords(),
  };
}

/** One attempt to write a point. The order of its steps is that of docs/format/device.md §9. */
export class PointAttempt {
  readonly savesetId = newId();
  readonly #stream: OpenStream;
  readonly #cells: readonly number[];
  #lookup: ChunkLookup | undefined;

  constructor(stream: OpenStream, cells: readonly number[]) {
    this.#stream = stream;
    this.#cells = cells;
  }

  /** Known on the device, and knows the device. */
  async begin(): Promise<void> {
    const { savesetId: attemptId } = this;
    const ids = { runId: 1, taskId: 1, token: 7 };
    await beginAttempt(this.#stream.storage, { attemptId, kind: 'backup', startedAt: at, ...ids });
    this.#lookup = await openKnownChunks({ stream: this.#stream, signal });
  }

  /** Packs, index, manifest. */
  async store(): Promise<void> {
    await using packs = new PackWriter(this.#stream.storage, this.savesetId, { targetBytes: 6 * CELL });
    const indexes = new IndexWriter(this.#stream, this.savesetId, packs);
    const index = await this.#storeCells(packs);
    await packs.finish();
    await indexes.add(KEY, 0, index);
    await indexes.finish();
    const layers = [{ segments: [...indexes.filesOf(KEY)] }];
    const disk = aManifestDisk({ key: KEY, capacityBytes: this.#cells.length * CELL, base: null, layers });
    const { deviceId } = this.#stream.header;
    const ids = { savesetId: this.savesetId, deviceId, token: 7 };
    await putManifest(
      this.#stream,
      aManifest({ ...ids, type: 'full', base: null, disks: [disk], files: [] }),
    );
  }

  async seal(): Promise<void> {
    await seal(this.#stream, this.savesetId, { token: 7, sealedAt: at });
  }

  async #storeCells(packs: PackWriter): Promise<DiskIndex> {
    const builder = new DiskIndexBuilder(this.#cells.length * CELL, CELL);
    for (const [i, seed] of this.#cells.entries()) {
      if (seed === 0) continue;
      const plain = cellBytes(seed);
      const id = this.#stream.cipher.chunkId(plain);
      const known = await this.#lookup!.find(id);
      const place = known ?? (await store(packs, plain, this.#stream.cipher));
      if (known === undefined) this.#lookup!.add(id, place);
      builder.add({ ...place, id, start: i * CELL });
    }
    const data = this.#cells.flatMap((seed, i) => (seed === 0 ? [] : [{ start: i * CELL, length: CELL }]));
    return builder.finish(
      buildExtentMap(this.#cells.length * CELL, [{ kind: 'data', extents: data }], 'zero').runs,
    );
  }
}

/** Points by their cells, also those that are not sealed yet, and one device that may fail at any time. */
export class ReclaimWorld {
  readonly device: OpenDevice;
  /** Every saveset that was ever begun. */
  readonly cells = new Map<string, readonly number[]>();
  readonly stream: OpenStream;

  constructor(device: OpenDevice) {
    this.device = device;
    this.stream = smallStream(device);
  }

  /** The same device as another program finds it. */
  async reopened(storage: Storage): Promise<ReclaimWorld> {
    const world = new ReclaimWorld(await openDevice(storage));
    for (const [savesetId, cells] of this.cells) world.cells.set(savesetId, cells);
    return world;
  }

  attempt(cells: readonly number[], stream = this.stream): PointAttempt {
    const attempt = new PointAttempt(stream, cells);
    this.cells.set(attempt.savesetId, cells);
    return attempt;
  }

  async write(cells: readonly number[]): Promise<string> {
    const attempt = this.attempt(cells);
    await attempt.begin();
    await attempt.store();
    await attempt.seal();
    return attempt.savesetId;
  }

  async remove(savesetId: string): Promise<void> {
    await removeSaveset(this.device.storage, savesetId);
  }

  async sealed(): Promise<string[]> {
    const ids: string[] = [];
    for await (const savesetId of listSealed(this.device.storage)) ids.push(savesetId);
    return ids.sort();
  }

  /** What a start of the service does with attempts whose workers are gone. */
  async recover(): Promise<void> {
    const { storage } = this.device;
    for (const attemptId of await listAttempts(storage)) {
      if (await isSealed(storage, attemptId)) await endAttempt(storage, attemptId);
      else await discardAttempt(storage, attemptId);
    }
  }

  async reclaim(
    options: { readonly sparsePercent?: number; readonly dryRun?: boolean } = {},
    until: AbortSignal = signal,
  ): Promise<ReclaimReport> {
    const { dryRun = false, sparsePercent = 50 } = options;
    const { stream } = this;
    const spec = {
      ...{ kind: 'reclaim' as const, taskId: 1, attempt: 1, token: 7, runId: 1 },
      ...{ attemptId: newId(), device: stream.access, dryRun, sparsePercent },
    };
    const { report } = await reclaimDevice(spec, taskContext(stream, until));
    assert(report?.kind === 'reclaim');
    return report;
  }

  /** Every sealed point can be read where its index and `moved/` say, without asking for other places. */
  async assertAllRestorable(): Promise<void> {
    for (const savesetId of await this.sealed()) {
      const index = await this.index(savesetId);
      const followed = await new MovedPlaces(this.device.storage).follow(index, signal);
      await using reader = new ChunkReader(this.device);
      const into = new Uint8Array(CELL);
      const cells = this.cells.get(savesetId)!;
      const found = cells.map(() => 0);
      for (const ref of refsOf(followed)) {
        await reader.read(ref, into);
        const cell = ref.start / CELL;
        assert.isTrue(Buffer.from(into).equals(cellBytes(cells[cell]!)), `cell ${cell} of ${savesetId}`);
        found[cell] = cells[cell]!;
      }
      assert.deepEqual(found, [...cells]);
    }
  }

  async index(savesetId: string): Promise<DiskIndex> {
    const manifest = await readSealedManifest(this.device, savesetId);
    return readDiskIndex(this.device, savesetId, manifest.disks[0]!, { layer: 0, segment: 0 });
  }

  /** The packs that sealed points read from. */
  async livePacks(): Promise<string[]> {
    const live = new Set<string>();
    for (const savesetId of await this.sealed()) {
      const followed = await new MovedPlaces(this.device.storage).follow(await this.index(savesetId), signal);
      for (const ref of refsOf(followed)) live.add(ref.packId);
    }
    return [...live].sort();
  }

  async packs(): Promise<string[]> {
    const ids: string[] = [];
    for await (const { name } of this.device.storage.list(PACKS_FOLDER)) ids.push(packIdOf(name)!);
    return ids.sort();
  }

  async names(folder: string): Promise<string[]> {
    const names: string[] = [];
    for await (const { name } of this.device.storage.list(folder)) names.push(name);
    return names.sort();
  }
}

export function taskContext(stream: OpenStream, until: AbortSignal = signal): TaskContext {
  const notHere = (): Promise<never> => Promise.reject(new Error('no server is asked here'));
  return {
    ...{ signal: until, clock: systemClock, log: silentLog, stream },
    ledger: { intent: notHere, created: notHere, removed: notHere },
    vsphere: notHere,
    statesOf: () => Promise.resolve(new Map()),
    report: () => undefined,
  };
}
