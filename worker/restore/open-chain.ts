/**
 * The devices and documents of one chain of savesets, opened for reading: what a restore and a verification begin with.
 * Manifests of older savesets are read when a disk needs them: damage there is no loss for a disk that is full above it.
 *
 *   chain of the task    newest ──▶ incremental ──▶ incremental ──▶ full
 *   chain of one disk    newest ──▶ base null: its chain ends here
 */
import { AppError } from '../../shared/base/errors.ts';
import { type ChainLink, type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type Extent } from '../../shared/domain/extent.ts';
import { type Manifest, type ManifestDisk } from '../../shared/format/manifest.ts';
import { segmentsOf } from '../../shared/format/segments.ts';
import { type ChunkLookup } from '../../shared/repository/chunk-lookup.ts';
import { ChunkReader } from '../../shared/repository/chunk-reader.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { MovedPlaces } from '../../shared/repository/moved-places.ts';
import { type ChainDisk } from '../../shared/repository/resolve-disk.ts';
import { readSealedManifest, readSegment } from '../../shared/repository/saveset-store.ts';
import { openLocalDevice } from '../open-local-device.ts';
import { type TaskContext } from '../task-context.ts';

/** What of a task's context a chain is opened with. */
export type ChainContext = Pick<TaskContext, 'signal' | 'stream'>;

/** One device of a chain. */
export interface ChainDevice extends OpenDevice {
  readonly reader: ChunkReader;
  readonly moved: MovedPlaces;
}

/** Owns the chunk readers of its devices; the task's stream stays open. */
export class OpenChain implements AsyncDisposable {
  readonly #links: readonly ChainLink[];
  readonly #devices: ReadonlyMap<string, ChainDevice>;
  readonly #signal: AbortSignal;
  readonly #manifests = new Map<string, Manifest>();

  private constructor(
    links: readonly ChainLink[],
    devices: ReadonlyMap<string, ChainDevice>,
    signal: AbortSignal,
  ) {
    this.#links = links;
    this.#devices = devices;
    this.#signal = signal;
  }

  /**
   * Opens each device of a chain, newest first, once.
   * @throws AppError `REPO_NOT_A_DEVICE`, `REPO_WRONG_DEVICE`, `REPO_DEVICE_LOCKED`, or what the storage says
   */
  static async open(links: readonly ChainLink[], context: ChainContext): Promise<OpenChain> {
    const devices = new Map<string, ChainDevice>();
    for (const { device } of links) {
      context.signal.throwIfAborted();
      if (devices.has(device.deviceId)) continue;
      devices.set(device.deviceId, await openChainDevice(device, context));
    }
    return new OpenChain(links, devices, context.signal);
  }

  /** The link that the chain is restored to. */
  get newest(): ChainLink {
    return this.#linkAt(0);
  }

  /** Chunks so far that were not sound where they were noted, but elsewhere on their device. */
  get detours(): number {
    return [...this.#devices.values()].reduce((sum, { reader }) => sum + reader.detours, 0);
  }

  /** @throws AppError `RESTORE_CHAIN_BROKEN` for a device that is not in the chain */
  device(deviceId: string): ChainDevice {
    const device = this.#devices.get(deviceId);
    if (device !== undefined) return device;
    throw new AppError('RESTORE_CHAIN_BROKEN', `Cannot read device ${deviceId}: it is not in the chain`, {
      deviceId,
    });
  }

  /**
   * The sealed manifest of a saveset of the chain; read once.
   * @throws AppError as `readSealedManifest`
   */
  async manifest(link: ChainLink): Promise<Manifest> {
    this.#signal.throwIfAborted();
    const known = this.#manifests.get(link.savesetId);
    if (known !== undefined) return known;
    const open = this.device(link.device.deviceId);
    const manifest = await readSealedManifest(open, link.savesetId);
    this.#manifests.set(link.savesetId, manifest);
    return manifest;
  }

  /**
   * A disk of the newest saveset.
   * @throws AppError `USAGE_NOT_FOUND` when the saveset has no such disk; as `manifest`
   */
  async disk(diskKey: number): Promise<ManifestDisk> {
    const { savesetId } = this.newest;
    const { disks } = await this.manifest(this.newest);
    const disk = disks.find(({ key }) => key === diskKey);
    if (disk !== undefined) return disk;
    throw new AppError('USAGE_NOT_FOUND', `Cannot find disk ${diskKey} in restore point ${savesetId}`, {
      savesetId,
      disk: diskKey,
      disks: disks.map(({ key }) => key).join(', '),
    });
  }

  /**
   * Where the segments of a disk lie.
   * @throws AppError as `disk`
   */
  async segments(diskKey: number): Promise<Extent[]> {
    const { capacityBytes } = await this.disk(diskKey);
    const { segmentBytes } = this.device(this.newest.device.deviceId).header;
    return [...segmentsOf(capacityBytes, segmentBytes)];
  }

  /**
   * The indexes of one segment of a disk, newest first: all layers of each saveset, down to the one without a base.
   * @throws AppError `RESTORE_CHAIN_BROKEN` when a base is not in the chain or lacks the disk; as `disk`, `readDiskIndex`
   */
  async indexes(diskKey: number, segment: number): Promise<ChainDisk[]> {
    const chain: ChainDisk[] = [];
    let disk = await this.disk(diskKey);
    for (let at = 0; ;) {
      const link = this.#linkAt(at);
      chain.push(...(await this.#layers(link, disk, segment)));
      if (disk.base === null) return chain;
      at = await this.#positionOf(disk.base.savesetId, at);
      disk = await this.#diskOfBase(this.#linkAt(at), diskKey);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { reader } of this.#devices.values()) await reader[Symbol.asyncDispose]();
  }

  async #layers({ savesetId, device }: ChainLink, disk: ManifestDisk, segment: number): Promise<ChainDisk[]> {
    const { deviceId } = device;
    const open = this.device(deviceId);
    this.#signal.throwIfAborted();
    const layers: ChainDisk[] = [];
    for (const stored of await readSegment(open, savesetId, disk, segment)) {
      const index = await open.moved.follow(stored, this.#signal);
      layers.push({ savesetId, deviceId, index });
    }
    return layers;
  }

  /** Only older links are looked at, so that no damage can make a ring of a chain. */
  async #positionOf(savesetId: string, above: number): Promise<number> {
    const at = this.#links.findIndex((link, i) => i > above && link.savesetId === savesetId);
    if (at >= 0) return at;
    for (const [i, link] of this.#links.entries()) {
      if (i > above && (await this.manifest(link)).standsFor.includes(savesetId)) return i;
    }
    throw broken(this.#linkAt(above), `its base ${savesetId} is not in the chain`);
  }

  async #diskOfBase(link: ChainLink, diskKey: number): Promise<ManifestDisk> {
    const disk = (await this.manifest(link)).disks.find(({ key }) => key === diskKey);
    if (disk === undefined) throw broken(link, `it has no disk ${diskKey}`);
    return disk;
  }

  #linkAt(at: number): ChainLink {
    const link = this.#links[at];
    if (link === undefined) throw new AppError('RESTORE_CHAIN_BROKEN', 'Cannot use the chain: it is empty');
    return link;
  }
}

async function openChainDevice(device: DeviceAccess, { stream, signal }: ChainContext): Promise<ChainDevice> {
  if (device.deviceId === stream.header.deviceId) {
    // read anew: it is asked for the places of a damaged chunk, and another worker may have stored one since
    const lookup = (): Promise<ChunkLookup> => {
      stream.forgetLookup();
      return stream.lookup(signal);
    };
    return chainDevice(stream, stream, lookup);
  }
  const open = await openLocalDevice(device);
  return chainDevice(open, stream, () => stream.lookupElsewhere(open, signal));
}

function chainDevice(
  { storage, header, cipher }: OpenDevice,
  { pool }: ChainContext['stream'],
  lookup: () => Promise<ChunkLookup>,
): ChainDevice {
  const device = { storage, header, cipher };
  const reader = new ChunkReader(device, lookup, pool.decoder(cipher));
  return { ...device, reader, moved: new MovedPlaces(storage) };
}

function broken({ savesetId }: ChainLink, reason: string): AppError {
  return new AppError('RESTORE_CHAIN_BROKEN', `Cannot build on saveset ${savesetId}: ${reason}`, {
    savesetId,
  });
}
