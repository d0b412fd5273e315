/**
 * Devices with chains of real savesets, made the way a backup makes them, and beside each chain a model: the bytes that the
 * disk must have after a restore.
 */
import { randomBytes } from 'node:crypto';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { KiB } from '../../shared/base/units.ts';
import { type Extent, cutOut, endOf, slice } from '../../shared/domain/extent.ts';
import {
  type ExtentMap,
  type Layer,
  buildExtentMap,
  bytesOf,
  select,
} from '../../shared/domain/extent-map.ts';
import { type ChainLink, type TaskProgress } from '../../shared/contract/ipc.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { type DiskIndex, refCount } from '../../shared/format/disk-index.ts';
import { type ManifestDisk, type StoredFile } from '../../shared/format/manifest.ts';
import { segmentsOf } from '../../shared/format/segments.ts';
import { ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { type NewDevice, type OpenDevice, createDevice } from '../../shared/repository/device.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { putDiskIndex, putFile, putManifest, seal } from '../../shared/repository/saveset-store.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { storeExtents } from '../../worker/pipeline/store-extents.ts';
import { type CodePool } from '../../worker/pipeline/thread-pool.ts';
import { type BlockReader } from '../../worker/ports.ts';
import { ProvenRecords } from '../../worker/verify/proven-records.ts';
import { type TaskContext } from '../../worker/task-context.ts';
import { aManifest, aManifestDisk } from '../unit/format/samples.ts';

export const GRID = 16 * KiB;

/** Makes a device with small chunks. */
export async function testDevice(
  storage: Storage,
  options: Omit<NewDevice, 'clock'> = {},
): Promise<OpenDevice> {
  return createDevice(storage, { clock: systemClock, gridBytes: GRID, ...options });
}

/** What a saveset holds of a disk: `data` is read from `source`, what no layer names is `rest`. */
export interface DiskPart {
  readonly key?: number;
  readonly source: Uint8Array;
  readonly layers: readonly Layer[];
  readonly rest: 'same' | 'zero' | 'free';
  /** Whether the disk stands alone although the saveset has a base. */
  readonly isFull?: boolean;
}

/** One chain of savesets in the making. */
export class TestChain {
  /** Newest first, as a task gets them. */
  readonly links: ChainLink[] = [];
  /** What a restore of the newest saveset must give, by disk. */
  readonly model = new Map<number, Buffer>();
  readonly #pool: CodePool;

  constructor(pool: CodePool) {
    this.#pool = pool;
  }

  /** Writes and seals the next saveset. */
  async add(
    device: OpenDevice,
    parts: readonly DiskPart[],
    files: Record<string, string> = {},
  ): Promise<void> {
    const { storage, header } = device;
    const { deviceId } = header;
    const savesetId = randomBytes(8).toString('hex');
    const base = this.links[0];
    const disks: ManifestDisk[] = [];
    for (const part of parts) disks.push(await this.#addDisk(device, savesetId, part));
    const stored: StoredFile[] = [];
    for (const [name, text] of Object.entries(files)) {
      stored.push(await putFile(device, savesetId, name, Buffer.from(text)));
    }
    await putManifest(
      device,
      aManifest({
        savesetId,
        deviceId,
        type: base === undefined ? 'full' : 'incremental',
        base: base === undefined ? null : { savesetId: base.savesetId, deviceId: base.device.deviceId },
        disks,
        files: stored,
      }),
    );
    await seal(device, savesetId, { token: 7, sealedAt: '2026-01-31T12:10:00.000Z' });
    this.links.unshift({ savesetId, device: { deviceId, name: 'tape0', path: storage.location, key: null } });
  }

  async #addDisk(device: OpenDevice, savesetId: string, part: DiskPart): Promise<ManifestDisk> {
    const { key = 2000, source, layers, rest } = part;
    const map = buildExtentMap(source.length, layers, rest);
    await using packs = new PackWriter(device.storage, savesetId, { targetBytes: 400_000 });
    const segments: StoredFile[] = [];
    const sum = { packs: 0, chunks: 0, freeBytes: bytesOf(map, 'free') };
    for (const extent of segmentsOf(source.length, device.header.segmentBytes)) {
      const index = await this.#storeSegment(device, packs, { part, map, extent });
      await packs.flush();
      const place = { diskKey: key, layer: 0, segment: segments.length };
      segments.push(await putDiskIndex(device, savesetId, place, index));
      sum.packs += index.packs.length;
      sum.chunks += refCount(index);
    }
    await packs.finish();
    this.#updateModel(key, part, layersOf(map));
    const base = this.links[0];
    return aManifestDisk({
      key,
      label: `Hard disk ${key - 1999}`,
      capacityBytes: source.length,
      base: base === undefined || part.isFull === true ? null : { savesetId: base.savesetId },
      layers: [{ segments }],
      ...sum,
    });
  }

  async #storeSegment(
    device: OpenDevice,
    packs: PackWriter,
    { part, map, extent }: { part: DiskPart; map: ExtentMap; extent: Extent },
  ): Promise<DiskIndex> {
    const { signal } = new AbortController();
    const builder = new DiskIndexBuilder(extent.length, device.header.gridBytes);
    const lookup = await ChunkLookup.open(device, { signal });
    const { zeroCells } = await storeExtents({
      reader: readerOf(part.source),
      read: slice(select(map, 'data'), extent.start, endOf(extent)),
      pool: this.#pool,
      lookup,
      packs,
      index: { add: (ref) => builder.add({ ...ref, start: ref.start - extent.start }) },
      clock: systemClock,
      signal,
    });
    const layers = layersOf(map).map((layer) => ({ ...layer, extents: cutOut(layer.extents, extent) }));
    const zero: Layer = { kind: 'zero', extents: cutOut(zeroCells, extent) };
    return builder.finish(buildExtentMap(extent.length, [zero, ...layers], part.rest).runs);
  }

  #updateModel(key: number, { source }: DiskPart, layers: readonly Layer[]): void {
    const bytes = Buffer.from(this.model.get(key) ?? Buffer.alloc(source.length));
    for (const { kind, extents } of layers) {
      for (const { start, length } of extents) {
        if (kind === 'data') bytes.set(source.subarray(start, start + length), start);
        else if (kind !== 'same') bytes.fill(0, start, start + length);
      }
    }
    this.model.set(key, bytes);
  }
}

/** A task's context on `device`, with all that was reported. */
export function testContext(
  device: OpenDevice,
  pool: CodePool,
  signal = new AbortController().signal,
): { context: TaskContext; reports: TaskProgress[] } {
  const reports: TaskProgress[] = [];
  const { storage, header } = device;
  const access = { deviceId: header.deviceId, name: 'tape0', path: storage.location, key: null };
  const notHere = (): Promise<never> => Promise.reject(new Error('no server is asked here'));
  const context: TaskContext = {
    signal,
    clock: systemClock,
    log: silentLog,
    stream: {
      ...device,
      access,
      pool,
      proven: new ProvenRecords(),
      lookup: (until) => ChunkLookup.open(device, { signal: until }),
      lookupElsewhere: (other, until) => ChunkLookup.open(other, { signal: until }),
      forgetLookup: () => undefined,
    },
    ledger: { intent: notHere, created: notHere, removed: notHere },
    vsphere: notHere,
    statesOf: () => Promise.resolve(new Map()),
    report: (progress) => void reports.push(progress),
  };
  return { context, reports };
}

function layersOf(map: ReturnType<typeof buildExtentMap>): Layer[] {
  return (['data', 'zero', 'free', 'same'] as const).map((kind) => ({ kind, extents: select(map, kind) }));
}

function readerOf(bytes: Uint8Array): BlockReader {
  return {
    transport: 'file',
    maxInFlight: 2,
    capacityBytes: bytes.length,
    read: (offset, into) => {
      into.set(bytes.subarray(offset, offset + into.length));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
