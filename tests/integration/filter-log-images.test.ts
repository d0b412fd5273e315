/**
 * Logs that Windows wrote, and a volume as a crash leaves it: metadata rolled back to the beginning of its log, the log whole. The
 * images lie in ../shared/images; without them the cases say so and are skipped.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from 'chai';
import {
  type Extent,
  type ExtentSet,
  complement,
  endOf,
  intersect,
  normalize,
  subtract,
  totalLength,
} from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { diskBytesOf } from '../../worker/filter/disk-bytes.ts';
import { decodeBootSector } from '../../worker/filter/ntfs/boot-sector.ts';
import { readFamily, openMft, type Mft, readRecord } from '../../worker/filter/ntfs/mft.ts';
import { requireContent } from '../../worker/filter/ntfs/family.ts';
import { allocationsOf } from '../../worker/filter/ntfs/log-changes.ts';
import { decodeLogState } from '../../worker/filter/ntfs/log-file.ts';
import { readLogPages } from '../../worker/filter/ntfs/log-pages.ts';
import { type LogRecord, logRecords } from '../../worker/filter/ntfs/log-records.ts';
import { type LogRing } from '../../worker/filter/ntfs/log-ring.ts';
import { type NtfsVolume } from '../../worker/filter/ntfs/ntfs-volume.ts';
import { type Stream, readStream } from '../../worker/filter/ntfs/stream.ts';
import { volumeBytesOf } from '../../worker/filter/volume-bytes.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { readerOf } from '../support/image-reader.ts';
import { runProgram } from '../support/ntfs-oracle.ts';

const IMAGES = fileURLToPath(new URL('../../../shared/images/', import.meta.url));
const RESTART_FLAGS = 14;

const unpacked = (name: string): Buffer => runProgram('xz', ['-dc', path.join(IMAGES, name)]);

function volumeOf(image: Buffer): NtfsVolume {
  const disk = diskBytesOf(readerOf(image), new AbortController().signal);
  return { bytes: volumeBytesOf(disk, 0, image.length), boot: decodeBootSector(image, 0) };
}

/** A file as if it were all of a volume. */
function fileAsStream(file: Buffer): { volume: NtfsVolume; stream: Stream } {
  const disk = diskBytesOf(readerOf(file), new AbortController().signal);
  const clusters = file.length / 4096;
  const boot = { ...decodeBootSector(boot512(), 0), clusterBytes: 4096, clusters };
  const sizes = { sizeBytes: file.length, initialisedBytes: file.length };
  const stream = { what: '$LogFile', at: 0, runs: [{ lcn: 0, clusters }], ...sizes, isCoded: false };
  return { volume: { bytes: volumeBytesOf(disk, 0, file.length), boot }, stream };
}

const boot512 = (): Buffer => readFileSync(path.join(IMAGES, 'parts/4k.boot'));

/** Makes a log look open, and longer where only its beginning was saved. */
function opened(log: Buffer): Buffer {
  const area = log.readUInt16LE(24);
  const whole = Buffer.alloc(Number(log.readBigUInt64LE(area + 24)), 0xff);
  log.copy(whole);
  for (const page of [0, 4096]) whole.writeUInt16LE(0, page + area + RESTART_FLAGS);
  return whole;
}

function ringOf(log: Buffer): LogRing {
  const state = decodeLogState(log.subarray(0, 8192), 0);
  if (state.kind !== 'open') throw new Error(`The log is ${state.kind}`);
  return state.ring;
}

interface ExpectedLog {
  readonly file: string;
  readonly needed: number;
  /** The earliest record from which on the log is whole, and the records from there. */
  readonly earliest: number;
  readonly records: number;
}

const logs: readonly ExpectedLog[] = [
  { file: 'LogFile_7.bin.xz', needed: 2, earliest: 8_390_664, records: 779 },
  { file: 'LogFile_10.bin.xz', needed: 4, earliest: 8_406_024, records: 243 },
  { file: 'LogFile_10_large.bin.xz', needed: 4, earliest: 4_211_720, records: 405 },
  { file: 'LogFile_10_downgraded.bin.xz', needed: 2, earliest: 8_406_024, records: 268 },
];

const map = (image: Buffer): Promise<ActiveBlocks> =>
  mapActiveBlocks(readerOf(image), keepAllOptions, new AbortController().signal);

describe('logs that Windows wrote', function () {
  this.timeout(60_000);

  before(function () {
    if (existsSync(IMAGES)) return;
    console.log('    skipped: the folder ../shared/images is not there');
    this.skip();
  });

  for (const { file, needed, earliest, records } of logs) {
    it(`follows ${records} records of ${file} without a gap`, async () => {
      const log = opened(unpacked(path.join('parts', file)));
      const { volume, stream } = fileAsStream(log);
      const ring = ringOf(log);
      const pages = await readLogPages(volume, stream, ring);
      assert.lengthOf([...logRecords(ring, pages, 0)], needed);
      assert.lengthOf([...logRecords({ ...ring, oldestLsn: earliest }, pages, 0)], records);
    });
  }

  it('keeps nothing more of an open volume whose $Bitmap is up to date', async () => {
    for (const name of ['sampletiny.dd.xz', 'velo-test.ntfs.raw.xz']) {
      const { volumes, state } = await map(unpacked(name));
      assert.equal(state, 'filtered', name);
      assert.deepEqual(volumes[0]!.kept, [], name);
      assert.equal(volumes[0]!.skippedBytes, volumes[0]!.freeBytes, name);
    }
  });
});

/** The first record of sampletiny's log. */
const FIRST_LSN = 1_050_632;
const CLIENT_OFFSET = 22;

/** A volume rolled back: in neither $Bitmap nor the MFT is what its log allocates. */
interface RolledBack {
  readonly image: Buffer;
  /** Bytes of files that only the log has. */
  readonly lost: ExtentSet;
}

async function rollBack(image: Buffer): Promise<RolledBack> {
  const volume = volumeOf(image);
  const mft = await openMft(volume);
  const bitmap = requireContent(volume, await readFamily(mft, 6), '$Bitmap');
  const log = requireContent(volume, await readFamily(mft, 2), '$LogFile');
  const content = Buffer.alloc(log.sizeBytes);
  await readStream(volume, log, 0, content);
  const ring = { ...ringOf(content), oldestLsn: FIRST_LSN };
  const pages = await readLogPages(volume, log, ring);
  const place = { runs: bitmap.runs, clusterBytes: volume.boot.clusterBytes, clusters: volume.boot.clusters };
  const inLog = [...logRecords(ring, pages, 0)].flatMap((record: LogRecord) =>
    allocationsOf(record, place, 0),
  );
  const files = await filesWithin(mft, normalize(inLog));
  const back = Buffer.from(image);
  for (const { recordAt, extents } of files) {
    back.writeUInt16LE(back.readUInt16LE(recordAt + 22) & ~1, recordAt + 22);
    for (const extent of extents) clearBits(back, bitmap.runs[0]!.lcn! * volume.boot.clusterBytes, extent);
  }
  for (const page of [0, 4096]) setOldest(back, log.runs[0]!.lcn! * volume.boot.clusterBytes + page);
  const lost = normalize(files.flatMap(({ extents }) => extents));
  return { image: back, lost: lost.map((extent) => inBytes(extent, volume.boot.clusterBytes)) };
}

const inBytes = ({ start, length }: Extent, unit: number): Extent => ({
  start: start * unit,
  length: length * unit,
});

function clearBits(image: Buffer, at: number, extent: Extent): void {
  for (let bit = extent.start; bit < endOf(extent); bit++) {
    image[at + (bit >> 3)]! &= ~(1 << (bit & 7));
  }
}

function setOldest(image: Buffer, page: number): void {
  const area = page + image.readUInt16LE(page + 24);
  image.writeBigUInt64LE(BigInt(FIRST_LSN), area + image.readUInt16LE(area + CLIENT_OFFSET));
}

/** User files all of whose clusters the log allocates. */
async function filesWithin(mft: Mft, inLog: ExtentSet): Promise<{ recordAt: number; extents: ExtentSet }[]> {
  const files: { recordAt: number; extents: ExtentSet }[] = [];
  for (let number = 24; number * mft.volume.boot.recordBytes < mft.content.initialisedBytes; number++) {
    const record = await readRecord(mft, number);
    if (!record.isInUse) continue;
    const extents = normalize(
      record.attributes.flatMap((attribute) =>
        attribute.kind === 'resident'
          ? []
          : attribute.runs.flatMap(({ lcn, clusters }) =>
              lcn === null ? [] : [{ start: lcn, length: clusters }],
            ),
      ),
    );
    if (extents.length > 0 && subtract(extents, inLog).length === 0)
      files.push({ recordAt: record.at, extents });
  }
  return files;
}

describe('a volume rolled back to the beginning of its log', function () {
  this.timeout(60_000);
  let original: Buffer;
  let rolled: RolledBack;

  before(async function () {
    if (!existsSync(IMAGES)) {
      console.log('    skipped: the folder ../shared/images is not there');
      this.skip();
    }
    original = unpacked('sampletiny.dd.xz');
    rolled = await rollBack(original);
  });

  it('has whole files that $Bitmap and the MFT do not know', async () => {
    assert.isAbove(totalLength(rolled.lost), 1_000_000);
    const clean = Buffer.from(rolled.image);
    const volume = volumeOf(clean);
    const log = requireContent(volume, await readFamily(await openMft(volume), 2), '$LogFile');
    for (const page of [0, 4096]) {
      const at = log.runs[0]!.lcn! * volume.boot.clusterBytes + page;
      clean.writeUInt16LE(2, at + clean.readUInt16LE(at + 24) + RESTART_FLAGS);
    }
    const trusting = await map(clean);
    assert.deepEqual(intersect(trusting.keep, rolled.lost), [], '$Bitmap alone drops them');
  });

  it('keeps all that was in use before, by its log', async () => {
    const before = await map(original);
    const after = await map(rolled.image);
    assert.equal(after.state, 'filtered');
    assert.deepEqual(subtract(before.keep, after.keep), []);
    assert.deepEqual(intersect(after.keep, rolled.lost), rolled.lost);
    const [kept] = after.volumes[0]!.kept;
    assert.equal(kept!.why, 'allocated in the log');
    assert.isAtLeast(kept!.bytes, totalLength(rolled.lost));
    assert.isAbove(totalLength(complement(after.keep, original.length)), 0);
  });

  it('is kept whole when a page of the log is torn', async () => {
    const torn = Buffer.from(rolled.image);
    const volume = volumeOf(torn);
    const log = requireContent(volume, await readFamily(await openMft(volume), 2), '$LogFile');
    torn.writeUInt16LE(0x1234, log.runs[0]!.lcn! * volume.boot.clusterBytes + 20 * 4096 + 510);
    const active = await map(torn);
    assert.equal(active.volumes[0]!.gate, 'log-unreadable');
    assert.equal(totalLength(active.keep), torn.length);
  });
});
