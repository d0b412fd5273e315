/**
 * A backup of a guest of the model, step by step: what `worker/backup/backup-vm.ts` does with the same functions, but for the server.
 * A test may stop between any two steps.
 */
import { isoTime } from '../../shared/base/clock.ts';
import { type ChainLink } from '../../shared/contract/ipc.ts';
import { type BackupType } from '../../shared/domain/backup-type.ts';
import { planDiskRead, withoutBase } from '../../shared/domain/disk-read-plan.ts';
import { wholeOf } from '../../shared/domain/extent.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import { beginAttempt } from '../../shared/repository/attempts.ts';
import { type ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { PackWriter } from '../../shared/repository/pack-writer.ts';
import { putFile, putManifest } from '../../shared/repository/saveset-store.ts';
import { type VmDisk } from '../../shared/vsphere/virtual-disk.ts';
import { type BasePoint, openBase } from '../../worker/backup/base-point.ts';
import { decideDiskBase } from '../../worker/backup/disk-base.ts';
import { type DiskMap } from '../../worker/backup/disk-map.ts';
import { IndexWriter } from '../../worker/backup/index-writer.ts';
import { openKnownChunks } from '../../worker/backup/known-chunks.ts';
import { type StoredDisk, storeDisk } from '../../worker/backup/store-disk.ts';
import { type BlockReader } from '../../worker/ports.ts';
import { type OpenStream } from '../../worker/task-context.ts';
import { aManifest, aManifestDisk } from '../unit/format/samples.ts';
import { type ExpectedDisk, type FrozenDisk, type Use, expectedOf, extentsWhere } from './guest-disk.ts';
import { newId, taskContext } from './reclaim-world.ts';

/** Small, so that one backup writes several. */
const PACK_BYTES = 24_000;
export const TOKEN = 7;
const { signal } = new AbortController();

/** A restore point of the model. */
export interface EnginePoint {
  readonly savesetId: string;
  readonly guest: string;
  readonly type: BackupType;
  /** The point that it builds on now: another one after consolidating. */
  readonly baseId: string | null;
  readonly createdAt: string;
  /** The moment of its snapshot. */
  readonly at: number;
  /** By the key of the disk. */
  readonly expected: ReadonlyMap<number, ExpectedDisk>;
}

export interface BackupOrder {
  readonly guest: string;
  /** As the snapshot holds them. */
  readonly disks: readonly FrozenDisk[];
  readonly at: number;
  readonly type: BackupType;
  /** Whether only what is in use is kept, and of that no copies. */
  readonly abm: boolean;
  readonly dropCopies: boolean;
  readonly base: EnginePoint | undefined;
}

interface PlannedDisk {
  readonly frozen: FrozenDisk;
  readonly disk: VmDisk;
  readonly map: DiskMap;
  readonly expected: ExpectedDisk;
}

export class EngineBackup {
  readonly savesetId = newId();
  readonly order: BackupOrder;
  readonly stream: OpenStream;
  isStored = false;
  /** The catalog has noted that it is to be sealed. */
  isSealing = false;
  #planned: readonly PlannedDisk[] = [];
  #lookup: ChunkLookup | undefined;

  constructor(order: BackupOrder, stream: OpenStream) {
    this.order = order;
    this.stream = stream;
  }

  /** Known on the device, mapped, and knows the device. */
  async begin(): Promise<void> {
    const { stream, savesetId, order } = this;
    const ids = { runId: 1, taskId: 1, token: TOKEN };
    const startedAt = isoTime(0);
    await beginAttempt(stream.storage, { attemptId: savesetId, kind: 'backup', startedAt, ...ids });
    const link = order.base && linkOf(order.base.savesetId, stream);
    const { base, reason } = await openBase(link ?? null, null, stream);
    if (reason !== null) throw new Error(reason);
    this.#planned = await Promise.all(order.disks.map((disk) => this.#plan(disk, base)));
    this.#lookup = await openKnownChunks({ stream, signal });
  }

  /** Packs, indexes, files, manifest: all but the seal. */
  async store(): Promise<void> {
    const { stream, savesetId } = this;
    try {
      await using packs = new PackWriter(stream.storage, savesetId, { targetBytes: PACK_BYTES });
      const indexes = new IndexWriter(stream, savesetId, packs);
      const stored: StoredDisk[] = [];
      for (const planned of this.#planned) stored.push(await this.#storeDisk(planned, packs, indexes));
      const written = await packs.finish();
      await indexes.finish();
      const file = await putFile(stream, savesetId, 'vm-config.json', Buffer.from(`"${savesetId}"`));
      const disks = stored.map((disk, i) => this.#manifestDisk(disk, i, indexes));
      await putManifest(
        stream,
        aManifest({
          ...{ savesetId, deviceId: stream.header.deviceId, token: TOKEN, disks, files: [file] },
          ...{ type: this.type, base: this.#base(), createdAt: isoTime(this.order.at * 1000) },
          ...{ packsWritten: [...written], vm: { ...aManifest().vm, name: this.order.guest } },
        }),
      );
      this.isStored = true;
    } catch (error) {
      stream.forgetLookup();
      throw error;
    }
  }

  /** What it is when it is sealed. */
  get point(): EnginePoint {
    const { savesetId, order, type } = this;
    const expected = new Map(this.#planned.map((planned) => [planned.frozen.key, planned.expected]));
    const createdAt = isoTime(order.at * 1000);
    const baseId = this.#base()?.savesetId ?? null;
    return { savesetId, guest: order.guest, type, baseId, createdAt, at: order.at, expected };
  }

  get type(): BackupType {
    return this.#base() === null ? 'full' : this.order.type;
  }

  #base(): { readonly savesetId: string; readonly deviceId: string } | null {
    const { base } = this.order;
    if (base === undefined || this.#planned.every(({ map }) => map.base === null)) return null;
    return { savesetId: base.savesetId, deviceId: this.stream.header.deviceId };
  }

  async #plan(frozen: FrozenDisk, base: BasePoint | null): Promise<PlannedDisk> {
    const { abm, dropCopies } = this.order;
    const capacityBytes = frozen.bytes.length;
    const disk = vmDiskOf(frozen);
    const decision = base && decideDiskBase(disk, base.manifest.disks, true);
    const baseDisk = decision?.usable === true ? decision.disk : null;
    const dropped: readonly (Use | undefined)[] = dropCopies ? ['free', 'copy'] : ['free'];
    const isKept = (grain: number): boolean => !abm || !dropped.includes(frozen.uses[grain]);
    const keep = abm ? extentsWhere(frozen, isKept) : wholeOf(capacityBytes);
    const knownZero = extentsWhere(frozen, (grain) => frozen.writtenAt[grain] === 0);
    const since = this.order.base?.at ?? 0;
    const changed = extentsWhere(frozen, (grain) => Number(frozen.writtenAt[grain]) > since);
    const plan =
      base === null || baseDisk === null
        ? planDiskRead(withoutBase({ capacityBytes, keep, knownZero }))
        : planDiskRead({
            ...{ capacityBytes, keep, changed, knownZero: [] },
            droppedBefore: await base.droppedOf(baseDisk, signal),
          });
    const map: DiskMap = {
      ...{ plan, base: baseDisk, fallback: null, filter: { state: 'off', volumes: [] } },
      ...{ usedBytes: capacityBytes, changedBytes: capacityBytes, mapReadBytes: 0, warnings: [] },
    };
    return {
      frozen,
      disk,
      map,
      expected: expectedOf(frozen, isKept, this.#expectedBefore(frozen, baseDisk)),
    };
  }

  #expectedBefore({ key }: FrozenDisk, baseDisk: ManifestDisk | null) {
    const { base } = this.order;
    const disk = baseDisk === null ? undefined : base?.expected.get(key);
    return base === undefined || disk === undefined ? undefined : { disk, at: base.at };
  }

  async #storeDisk(planned: PlannedDisk, packs: PackWriter, indexes: IndexWriter): Promise<StoredDisk> {
    const { frozen, disk, map } = planned;
    const opened = { disk, map, reader: readerOf(frozen.bytes) };
    const lookup = this.#lookup!;
    return storeDisk(
      { opened, lookup, packs, indexes, onProgress: () => undefined },
      taskContext(this.stream),
    );
  }

  #manifestDisk(stored: StoredDisk, i: number, indexes: IndexWriter): ManifestDisk {
    const { frozen, disk, map } = this.#planned[i]!;
    const isIncrement = map.base !== null && this.order.base !== undefined;
    return aManifestDisk({
      ...{ key: frozen.key, label: disk.label, uuid: disk.uuid!, capacityBytes: frozen.bytes.length },
      ...{ changeId: frozen.changeId, type: isIncrement ? this.order.type : 'full' },
      base: isIncrement ? { savesetId: this.order.base.savesetId } : null,
      layers: [{ segments: [...indexes.filesOf(frozen.key)] }],
      ...{
        freeBytes: stored.freeBytes,
        packs: stored.packs,
        chunks: stored.chunks,
        counters: stored.counters,
      },
    });
  }
}

/** A saveset of the stream's own device. */
export function linkOf(savesetId: string, { access }: OpenStream): ChainLink {
  return { savesetId, device: access };
}

function vmDiskOf({ key, bytes, changeId }: FrozenDisk): VmDisk {
  return {
    ...{ key, label: `Hard disk ${key - 1999}`, capacityBytes: bytes.length, changeId },
    ...{ uuid: `6000C29e-0000-0000-0000-00000000${key}`, fileName: '', datastore: '', mode: 'persistent' },
    ...{ thin: true, contentId: null, rdm: 'none', sharing: null, backingType: '', parentFileName: null },
    ...{ controllerKey: 1000, unitNumber: key - 2000 },
  };
}

function readerOf(bytes: Uint8Array): BlockReader {
  return {
    ...{ transport: 'file', maxInFlight: 2, capacityBytes: bytes.length },
    read: (offset, into) => {
      into.set(bytes.subarray(offset, offset + into.length));
      return Promise.resolve();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
