/**
 * What it costs to map a volume of 4 TiB: how often it is read and how much, and that no byte is read twice. The volumes are made sparse by the
 * tools of their file systems. Times depend on the machine and are not asserted: BLOCKHOUSE_FILTER_COST=1 prints them, also for volumes whose
 * free space lies in pieces of a few dozen clusters; less than a second should go by beside the reading.
 */
import { type FileHandle, open, stat, truncate, writeFile } from 'node:fs/promises';
import { assert } from 'chai';
import { type Extent, normalize, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { diskBytesOf } from '../../worker/filter/disk-bytes.ts';
import { decodeBootSector } from '../../worker/filter/ntfs/boot-sector.ts';
import { requireContent } from '../../worker/filter/ntfs/family.ts';
import { openMft, readFamily } from '../../worker/filter/ntfs/mft.ts';
import { volumeBytesOf } from '../../worker/filter/volume-bytes.ts';
import { type BlockReader } from '../../worker/ports.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { type Overlay, openImage } from '../support/image-reader.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { seededRandom } from '../support/seeded-random.ts';
import { tempFolder } from '../support/temp.ts';

const MiB = 1024 * 1024;
const TiB = 1024 * 1024 * MiB;
const SIZE = 4 * TiB;
const MAX_RUNS = 256 * 1024;
const IS_TIMED = process.env['BLOCKHOUSE_FILTER_COST'] === '1';

interface Case {
  readonly name: string;
  readonly program: string;
  readonly options: readonly string[];
  readonly maxCalls: number;
  readonly maxBytes: number;
}

const cases: readonly Case[] = [
  {
    // A bitmap of 128 MiB and a blank log of 64 MiB, in pieces of 4 MiB.
    name: 'NTFS',
    program: 'mkntfs',
    options: ['-F', '-Q', '-q', '-p', '0', '-H', '255', '-S', '63', '-s', '512', '-c', '4096'],
    maxCalls: 100,
    maxBytes: 193 * MiB,
  },
  {
    // 2048 stretches of 16 groups, of which the first bitmap was written; descriptors of 2 MiB.
    name: 'ext4',
    program: 'mke2fs',
    options: [
      '-q',
      '-F',
      '-t',
      'ext4',
      '-b',
      '4096',
      '-E',
      'lazy_itable_init=1,lazy_journal_init=1,nodiscard',
    ],
    maxCalls: 2048 + 32,
    maxBytes: 11 * MiB,
  },
  {
    // Clusters of 128 KiB: a bitmap of 4 MiB.
    name: 'exFAT',
    program: 'mkfs.exfat',
    options: ['-c', '128K'],
    maxCalls: 20,
    maxBytes: 5 * MiB,
  },
  {
    // The log to both sides of its head, 2 MiB each; header and two blocks of trees of 32 groups at most.
    name: 'XFS',
    program: 'mkfs.xfs',
    options: ['-q', '-f', '-K', '-l', 'size=64m'],
    maxCalls: 32 * 3 + 32,
    maxBytes: 6 * MiB,
  },
];

interface Watched {
  readonly reader: BlockReader;
  readonly places: Extent[];
  /** Milliseconds that went by in reads. */
  readMs: number;
}

/** A reader of a file that notes every read, with other bytes at a few places. */
function watch(file: FileHandle, capacityBytes: number, overlay: Overlay | null): Watched {
  const watched: Watched = {
    places: [],
    readMs: 0,
    reader: {
      capacityBytes,
      transport: 'file',
      maxInFlight: 4,
      async read(offset, into) {
        const started = performance.now();
        watched.places.push({ start: offset, length: into.length });
        await file.read(into, 0, into.length, offset);
        const from = overlay === null ? 0 : offset - overlay.at;
        const isCovered = overlay !== null && from >= 0 && from + into.length <= overlay.bytes.length;
        if (isCovered) into.set(overlay.bytes.subarray(from, from + into.length));
        watched.readMs += performance.now() - started;
      },
      [Symbol.asyncDispose]: () => Promise.resolve(),
    },
  };
  return watched;
}

interface Measured {
  readonly active: ActiveBlocks;
  readonly places: readonly Extent[];
}

async function measure(name: string, path: string, overlay: Overlay | null = null): Promise<Measured> {
  const { size } = await stat(path);
  const file = await open(path, 'r');
  try {
    const watched = watch(file, size, overlay);
    const cpu = process.cpuUsage();
    const started = performance.now();
    const active = await mapActiveBlocks(watched.reader, keepAllOptions, new AbortController().signal);
    const totalMs = performance.now() - started;
    const { user, system } = process.cpuUsage(cpu);
    if (IS_TIMED) {
      const times = `${Math.round(totalMs - watched.readMs)} ms beside ${Math.round(watched.readMs)} ms of reading`;
      const volume = `${watched.places.length} reads of ${Math.ceil(active.readBytes / MiB)} MiB`;
      console.log(`      ${name}: ${times}, CPU ${Math.round((user + system) / 1000)} ms, ${volume}`);
    }
    return { active, places: watched.places };
  } finally {
    await file.close();
  }
}

async function makeVolume({ program, options }: Case, path: string): Promise<void> {
  await writeFile(path, '');
  await truncate(path, SIZE);
  runProgram(program, [...options, path]);
}

/** Where $Bitmap of the volume lies, which is in one piece. */
async function placeOfBitmap(path: string): Promise<Extent> {
  await using reader = await openImage(path);
  const bytes = volumeBytesOf(diskBytesOf(reader, new AbortController().signal), 0, reader.capacityBytes);
  const sector = new Uint8Array(512);
  await bytes.readInto(0, sector);
  const boot = decodeBootSector(sector, 0);
  const mft = await openMft({ bytes, boot });
  const { runs } = requireContent(mft.volume, await readFamily(mft, 6), '$Bitmap');
  assert.lengthOf(runs, 1);
  return { start: runs[0]!.lcn! * boot.clusterBytes, length: Math.ceil(boot.clusters / 8) };
}

/** The bitmap of the volume; from its second half on, space is free and used in turns, in runs of `clusters` on average. */
async function inPieces(path: string, clusters: number, lengthBytes: number): Promise<Overlay> {
  const { start, length } = await placeOfBitmap(path);
  const bytes = Buffer.alloc(length);
  const file = await open(path, 'r');
  await file.read(bytes, 0, length, start);
  await file.close();
  const draw = seededRandom(1);
  const end = 8 * (length - 4096);
  for (let bit = end - 8 * lengthBytes; bit < end;) {
    bit += 1 + draw(2 * clusters - 1);
    for (let left = 1 + draw(2 * clusters - 1); left > 0 && bit < end; left--, bit++) {
      bytes[bit >> 3]! |= 1 << (bit & 7);
    }
  }
  return { at: start, bytes };
}

describe('the cost of mapActiveBlocks over 4 TiB', function () {
  this.timeout(120_000);

  for (const made of cases) {
    const { name, program, maxCalls, maxBytes } = made;
    it(`reads ${name} in at most ${maxCalls} reads of ${maxBytes / MiB} MiB, and nothing twice`, async function () {
      if (!hasProgram(program)) {
        console.log(`      skipped: ${program} is not installed`);
        this.skip();
      }
      await using folder = await tempFolder();
      await makeVolume(made, folder.file('volume'));
      const { active, places } = await measure(name, folder.file('volume'));
      assert.include(active.volumes[0], { fileSystem: name, gate: null });
      assert.isAtMost(places.length, maxCalls);
      assert.isAtMost(active.readBytes, maxBytes);
      assert.isAtMost(active.readBytes - totalLength(normalize(places)), MiB);
    });
  }

  it('holds no more than 256 Ki free runs of NTFS, the longest', async function () {
    const [made] = cases;
    if (!hasProgram(made!.program)) {
      console.log('      skipped: mkntfs is not installed');
      this.skip();
    }
    await using folder = await tempFolder();
    const file = folder.file('volume');
    await makeVolume(made!, file);
    const overlay = await inPieces(file, 20, 2 * MiB);
    const { active } = await measure('NTFS, 16 Mi clusters in pieces of 20', file, overlay);
    const { freeBytes, skippedBytes, gate } = active.volumes[0]!;
    assert.isNull(gate);
    assert.isAtMost(active.keep.length, MAX_RUNS + 1);
    assert.isAbove(active.keep.length, MAX_RUNS / 8);
    assert.isBelow(skippedBytes, freeBytes!);
    if (!IS_TIMED) return;
    for (const clusters of [1000, 50, 10]) {
      const pieces = await inPieces(file, clusters, 127 * MiB);
      await measure(`NTFS, all of it in pieces of ${clusters} clusters`, file, pieces);
    }
  });
});
