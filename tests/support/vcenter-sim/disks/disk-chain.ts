/**
 * The chain of files of one virtual disk: the base first, the one that the running VM writes last.
 *
 *   freeze:  [flat]            ->  [flat, 000001]          the snapshot keeps flat, writes go to 000001
 *   merge:   [flat, 000001]    ->  [flat]                  the grains of 000001 move into flat
 *
 * Writes, freezing and merging take turns on one lock, so a frozen file never changes under a snapshot.
 */
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type ChangeTracker } from './change-tracker.ts';
import { writeDescriptor, type DescriptorFacts } from './descriptor.ts';
import { DeltaLayer, GRAIN_BYTES, grainSpans, type Layer } from './layer.ts';

export const newCid = (): string => randomBytes(4).toString('hex');

export interface ChainFacts {
  readonly folder: string;
  /** File name without `.vmdk`: deltas are called `<stem>-000001.vmdk`. */
  readonly stem: string;
  readonly uuid: string;
  readonly hwVersion: number;
  readonly createType: DescriptorFacts['createType'];
}

export class DiskChain {
  readonly facts: ChainFacts;
  readonly layers: Layer[];
  capacityBytes: number;
  tracker: ChangeTracker | undefined;
  /** One byte per grain, 1 = holds data. */
  allocated: Uint8Array;
  /** True while a merge rewrites files: nobody may read them. */
  merging = false;
  #deltaCount = 0;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(facts: ChainFacts, base: Layer, capacityBytes: number, allocated: Uint8Array) {
    this.facts = facts;
    this.layers = [base];
    this.capacityBytes = capacityBytes;
    this.allocated = allocated;
  }

  get top(): Layer {
    return this.layers.at(-1)!;
  }

  /** Runs `work` alone on this disk. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work);
    this.#turn = result.catch(() => undefined);
    return result;
  }

  /** A guest's write: into the running file, marked in the tracker. @throws RangeError outside of the disk */
  write(offset: number, bytes: Buffer): Promise<void> {
    if (offset < 0 || offset + bytes.length > this.capacityBytes) {
      return Promise.reject(new RangeError(`Write at ${String(offset)} lies outside of the disk`));
    }
    return this.exclusively(async () => {
      await this.top.write(offset, bytes);
      this.tracker?.mark(offset, bytes.length);
      for (const [grain] of grainSpans(offset, bytes.length)) this.allocated[grain] = 1;
    });
  }

  /** Makes the running file read-only for good and puts a delta on top. Call inside `exclusively`. */
  async freeze(): Promise<Layer> {
    const frozen = this.top;
    const name = `${this.facts.stem}-${String(++this.#deltaCount).padStart(6, '0')}`;
    const dataName = `${name}-delta.vmdk`;
    const names = {
      descriptorName: `${name}.vmdk`,
      dataName,
      dataPath: join(this.facts.folder, dataName),
      cid: newCid(),
    };
    const delta = await DeltaLayer.create(names, frozen, this.capacityBytes);
    this.layers.push(delta);
    await this.describe(delta);
    return frozen;
  }

  /** Moves the file above `lower` into it. Call inside `exclusively`. @returns the file that is gone */
  async mergeInto(lower: Layer): Promise<Layer> {
    const index = this.layers.indexOf(lower);
    const upper = this.layers[index + 1];
    if (!(upper instanceof DeltaLayer)) throw new Error('There is nothing above to merge');
    this.merging = true;
    try {
      await this.#moveGrains(upper, lower);
      this.layers.splice(index + 1, 1);
      const above = this.layers[index + 1];
      if (above instanceof DeltaLayer) above.parent = lower;
      lower.cid = upper.cid;
      await this.#remove(upper);
      for (const layer of this.layers.slice(index)) await this.describe(layer);
    } finally {
      this.merging = false;
    }
    return upper;
  }

  async #moveGrains(upper: DeltaLayer, lower: Layer): Promise<void> {
    for (const grain of upper.grains()) {
      const start = grain * GRAIN_BYTES;
      const bytes = Buffer.alloc(Math.min(GRAIN_BYTES, this.capacityBytes - start));
      await upper.read(start, bytes);
      await lower.write(start, bytes);
    }
  }

  async #remove(layer: Layer): Promise<void> {
    await layer.close();
    await rm(layer.dataPath, { force: true });
    await rm(join(this.facts.folder, layer.descriptorName), { force: true });
  }

  /** Writes the descriptor of one file of the chain. */
  async describe(layer: Layer): Promise<void> {
    const parent = this.layers[this.layers.indexOf(layer) - 1];
    await writeDescriptor({
      path: join(this.facts.folder, layer.descriptorName),
      cid: layer.cid,
      parentCid: parent?.cid,
      parentName: parent?.descriptorName,
      createType: layer.kind === 'delta' ? 'vmfsSparse' : this.facts.createType,
      dataName: layer.dataName,
      capacityBytes: this.capacityBytes,
      uuid: this.facts.uuid,
      hwVersion: this.facts.hwVersion,
      tracked: this.tracker !== undefined,
    });
  }

  /** Grows or shrinks a disk that has no delta. */
  async resize(capacityBytes: number): Promise<void> {
    await this.top.resize(capacityBytes);
    const allocated = new Uint8Array(Math.ceil(capacityBytes / GRAIN_BYTES));
    allocated.set(this.allocated.subarray(0, allocated.length));
    this.allocated = allocated;
    this.capacityBytes = capacityBytes;
    await this.describe(this.top);
  }

  async close(): Promise<void> {
    for (const layer of this.layers) await layer.close();
  }

  /** Closes and deletes all files. */
  async destroy(): Promise<void> {
    for (const layer of this.layers) await this.#remove(layer);
  }
}
