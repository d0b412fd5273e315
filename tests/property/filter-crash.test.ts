/**
 * A volume caught between any two writes. NTFS writes a record of what it allocates to $LogFile first; content before or after that;
 * $Bitmap and the MFT later, in any order, a sector at a time if the disk stops there. The model does the same over a committed
 * disk, with fixed seeds, and looks at the disk after every single write: no cluster of a file whose record has reached the log may be
 * dropped, whatever of $Bitmap has.
 */
import { assert } from 'chai';
import { type Extent, intersect, normalize } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { loadDisk, writeState } from '../support/fixtures.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage, type Overlay, readerOf } from '../support/image-reader.ts';
import {
  CLEAR_BITS,
  type LogShape,
  type LogWriter,
  SET_BITS,
  bitsRecord,
  logWriter,
} from '../support/ntfs-log.ts';
import { type DiskInMemory, diskInMemory } from '../support/ntfs-volume.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp.ts';

const STEPS = 60;
const SECTOR = 512;
const shapes: readonly LogShape[] = [
  { version: [1, 1], logBytes: 32 * 1024 },
  { version: [2, 0], logBytes: 160 * 1024 },
];

const map = (bytes: Uint8Array): Promise<ActiveBlocks> =>
  mapActiveBlocks(readerOf(bytes), keepAllOptions, new AbortController().signal);

/** NTFS on a disk in memory: what it knows, and what it has written. */
class Model {
  readonly #disk: DiskInMemory;
  readonly #log: LogWriter;
  readonly #below: (limit: number) => number;
  readonly #bitmapAt: number;
  readonly #logAt: number;
  /** $Bitmap as it should be. */
  readonly #bitmap: Buffer;
  /** Of records that are not on the disk yet. */
  #pending: { readonly extent: Extent; readonly isNew: boolean }[] = [];
  /** Files whose creation is on the disk, and whose removal is not. */
  readonly #files: Extent[] = [];
  /** Called after every write. */
  readonly #look: (files: readonly Extent[]) => Promise<void>;

  constructor(
    disk: DiskInMemory,
    shape: LogShape,
    below: (limit: number) => number,
    look: (files: readonly Extent[]) => Promise<void>,
  ) {
    this.#disk = disk;
    this.#log = logWriter(shape);
    this.#below = below;
    this.#look = look;
    this.#bitmapAt = disk.contentAt(6);
    this.#logAt = disk.contentAt(2);
    const clusters = disk.bytes.length / disk.clusterBytes;
    this.#bitmap = Buffer.from(disk.bytes.subarray(this.#bitmapAt, this.#bitmapAt + Math.ceil(clusters / 8)));
  }

  async checkpoint(): Promise<void> {
    const writes = this.#log.flush();
    for (const write of writes) await this.#write(this.#logAt + write.at, write.bytes);
    this.#settle();
    for (let at = 0; at < this.#bitmap.length; at += SECTOR) await this.#writeBitmap(at);
    for (const write of this.#log.checkpoint()) await this.#write(this.#logAt + write.at, write.bytes);
  }

  create(clusters: number): void {
    const start = this.#findFree(clusters);
    if (start === null) return;
    const extent = { start, length: clusters };
    this.#setBits(extent, true);
    this.#append(extent, SET_BITS, CLEAR_BITS);
    this.#pending.push({ extent, isNew: true });
  }

  remove(): void {
    const extent = this.#files[this.#below(Math.max(1, this.#files.length))];
    if (extent === undefined || this.#pending.some((change) => change.extent === extent)) return;
    this.#setBits(extent, false);
    this.#append(extent, CLEAR_BITS, SET_BITS);
    this.#pending.push({ extent, isNew: false });
  }

  async commit(): Promise<void> {
    for (const write of this.#log.flush()) await this.#write(this.#logAt + write.at, write.bytes);
    this.#settle();
    await this.#look(this.#files);
  }

  /** A lazy write of one sector of $Bitmap: never of what the log does not have. */
  async writeSomeOfBitmap(): Promise<void> {
    await this.commit();
    await this.#writeBitmap(SECTOR * this.#below(Math.ceil(this.#bitmap.length / SECTOR)));
  }

  #settle(): void {
    for (const { extent, isNew } of this.#pending) {
      if (isNew) this.#files.push(extent);
      else this.#files.splice(this.#files.indexOf(extent), 1);
    }
    this.#pending = [];
  }

  async #writeBitmap(at: number): Promise<void> {
    await this.#write(this.#bitmapAt + at, this.#bitmap.subarray(at, at + SECTOR));
  }

  async #write(at: number, bytes: Uint8Array): Promise<void> {
    this.#disk.bytes.set(bytes, at);
    await this.#look(this.#files);
  }

  #append({ start, length }: Extent, redo: number, undo: number): void {
    const lcn = (this.#bitmapAt - this.#disk.volumeAt) / this.#disk.clusterBytes;
    this.#log.append(bitsRecord({ redo, undo, lcn, firstBit: start, bits: length }));
    this.#log.append(Buffer.alloc(48 + this.#below(600)));
  }

  #setBits({ start, length }: Extent, isUsed: boolean): void {
    for (let bit = start; bit < start + length; bit++) {
      const byte = this.#bitmap[bit >> 3]!;
      this.#bitmap[bit >> 3] = isUsed ? byte | (1 << (bit & 7)) : byte & ~(1 << (bit & 7));
    }
  }

  #findFree(clusters: number): number | null {
    const total = this.#bitmap.length * 8;
    const from = this.#below(total);
    let length = 0;
    for (let bit = from; bit < total; bit++) {
      length = ((this.#bitmap[bit >> 3]! >> (bit & 7)) & 1) === 0 ? length + 1 : 0;
      if (length === clusters) return bit - clusters + 1;
    }
    return null;
  }
}

describe('mapActiveBlocks between any two writes', function () {
  this.timeout(120_000);

  for (const shape of shapes) {
    for (const seed of [1, 2, 3]) {
      it(`drops nothing that the log ${shape.version.join('.')} has promised (seed ${seed})`, async () => {
        const disk = await diskInMemory('win-64k', 'before');
        disk.bytes.fill(0xff, disk.contentAt(2), disk.contentAt(2) + shape.logBytes);
        const below = seededRandom(seed);
        const seen = { filtered: 0, keptBeyond: 0 };
        const look = async (files: readonly Extent[]): Promise<void> => {
          const active = await map(disk.bytes);
          const volume = active.volumes[0]!;
          if (volume.gate === null) seen.filtered++;
          if (volume.kept.length > 0) seen.keptBeyond++;
          const wanted = files.map(({ start, length }) => ({
            start: disk.volumeAt + start * disk.clusterBytes,
            length: length * disk.clusterBytes,
          }));
          assert.deepEqual(intersect(active.keep, normalize(wanted)), normalize(wanted));
        };
        const model = new Model(disk, shape, below, look);
        await model.checkpoint();
        await model.checkpoint();
        for (let step = 0; step < STEPS; step++) {
          for (let count = below(4); count > 0; count--) model.create(1 + below(12));
          if (below(4) === 0) model.remove();
          if (below(3) > 0) await model.commit();
          if (below(3) === 0) await model.writeSomeOfBitmap();
          if (below(12) === 0) await model.checkpoint();
        }
        assert.isAbove(seen.filtered, STEPS);
        assert.isAbove(seen.keptBeyond, STEPS / 2);
      });
    }
  }
});

describe('mapActiveBlocks between content and metadata', function () {
  this.timeout(120_000);

  it('keeps the late file with the log alone, and with any part of its metadata', async () => {
    const fixture = loadDisk('late-metadata');
    const [first, second] = fixture.states;
    const disk = await diskInMemory('late-metadata', first!.name);
    await using folder = await tempFolder();
    await writeState('late-metadata', second!.name, folder.file('later.raw'));
    const later = Buffer.alloc(fixture.capacityBytes);
    await using reader = await openImage(folder.file('later.raw'));
    await reader.read(0, later);
    const runs = fixture.lateFile!.runs.map(([start, length]) => ({ start, length }));
    const wanted = normalize(
      runs.map(({ start, length }) => ({
        start: disk.volumeAt + start * disk.clusterBytes,
        length: length * disk.clusterBytes,
      })),
    );
    const bare = await map(disk.bytes);
    assert.deepEqual(intersect(bare.keep, wanted), [], 'without its log the file is lost');

    const log = logWriter({ version: [2, 0], logBytes: 256 * 1024 });
    const oldest = log.next();
    const writes = [...log.checkpoint(oldest), ...log.checkpoint(oldest)];
    const lcn = (disk.contentAt(6) - disk.volumeAt) / disk.clusterBytes;
    for (const { start, length } of runs) {
      log.append(bitsRecord({ redo: SET_BITS, undo: CLEAR_BITS, lcn, firstBit: start, bits: length }));
    }
    for (const { at, bytes } of [...writes, ...log.flush()]) disk.bytes.set(bytes, disk.contentAt(2) + at);
    const below = seededRandom(7);
    const changed = sectorsThatDiffer(disk.bytes, later, disk.contentAt(2), 256 * 1024);
    assert.isNotEmpty(changed);
    for (let round = 0; round < 40; round++) {
      const part = changed.filter(() => below(2) === 0);
      const overlays: Overlay[] = part.map((at) => ({ at, bytes: later.subarray(at, at + SECTOR) }));
      const active = await mapActiveBlocks(
        readerOf(disk.bytes, overlays),
        keepAllOptions,
        new AbortController().signal,
      );
      assert.deepEqual(intersect(active.keep, wanted), wanted);
    }
  });
});

/** Sectors of two disks that differ, the log left out. */
function sectorsThatDiffer(one: Buffer, other: Buffer, logAt: number, logBytes: number): number[] {
  const sectors: number[] = [];
  for (let at = 0; at < one.length; at += SECTOR) {
    if (at >= logAt && at < logAt + logBytes) continue;
    if (!one.subarray(at, at + SECTOR).equals(other.subarray(at, at + SECTOR))) sectors.push(at);
  }
  return sectors;
}
