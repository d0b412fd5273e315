/**
 * Writes the indexes of a backup when the packs that they name are visible: small ones wait for the end, so that the disks of
 * a VM share packs, and large ones do not stay in memory.
 */
import { AppError } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import { type DiskIndex } from '../../shared/format/disk-index.ts';
import { packName } from '../../shared/format/names.ts';
import { type StoredFile } from '../../shared/format/manifest.ts';
import { type OpenDevice } from '../../shared/repository/device.ts';
import { type PackWriter } from '../../shared/repository/pack-writer.ts';
import { putDiskIndex } from '../../shared/repository/saveset-store.ts';

/** More than this does not wait: the chunks of 300 GiB. */
const MAX_WAITING_BYTES = 16 * MiB;

interface WaitingIndex {
  readonly diskKey: number;
  readonly segment: number;
  readonly index: DiskIndex;
}

/** Calls come one after the other. */
export class IndexWriter {
  readonly #device: OpenDevice;
  readonly #savesetId: string;
  readonly #packs: Pick<PackWriter, 'flush'>;
  readonly #files = new Map<number, StoredFile[]>();
  /** Seen on the device since the attempt began. */
  readonly #seen = new Set<string>();
  #waiting: WaitingIndex[] = [];

  constructor(device: OpenDevice, savesetId: string, packs: Pick<PackWriter, 'flush'>) {
    this.#device = device;
    this.#savesetId = savesetId;
    this.#packs = packs;
  }

  /** Takes the index of the next segment of a disk. */
  async add(diskKey: number, segment: number, index: DiskIndex): Promise<void> {
    this.#waiting.push({ diskKey, segment, index });
    const waitingBytes = this.#waiting.reduce((sum, waiting) => sum + waiting.index.refs.length, 0);
    if (waitingBytes <= MAX_WAITING_BYTES) return;
    await this.#packs.flush();
    await this.finish();
  }

  /**
   * Writes what waits. All packs must be visible.
   * @throws AppError `REPO_PACK_GONE` when one that the lookup knew was removed before the attempt began
   */
  async finish(): Promise<void> {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { index, ...place } of waiting) {
      await this.#checkPacks(index);
      const file = await putDiskIndex(this.#device, this.#savesetId, { ...place, layer: 0 }, index);
      this.#files.set(place.diskKey, [...this.filesOf(place.diskKey), file]);
    }
  }

  /** A pack that is there now stays: whoever condemns it from here on waits for this attempt. */
  async #checkPacks({ packs }: DiskIndex): Promise<void> {
    for (const packId of packs) {
      if (this.#seen.has(packId)) continue;
      if (!(await this.#device.storage.exists(packName(packId)))) {
        const message = `Cannot use pack ${packId}: it was removed since the device was looked at`;
        throw new AppError('REPO_PACK_GONE', message, { packId, savesetId: this.#savesetId });
      }
      this.#seen.add(packId);
    }
  }

  /** The indexes of a disk that are written, in the order of its segments. */
  filesOf(diskKey: number): readonly StoredFile[] {
    return this.#files.get(diskKey) ?? [];
  }
}
