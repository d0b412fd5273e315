/**
 * Volumes that are written and deleted on at random, without a mount: ext by debugfs, alone on a disk or in two pieces of an LVM2 group, and XFS by
 * what mkfs.xfs fills it with. After every round all that the filter drops is overwritten with a pattern: no checker finds anything,
 * and no file has changed.
 *
 * BLOCKHOUSE_WRITE_RUNS draws more, BLOCKHOUSE_WRITE_SEED what another run has drawn.
 */
import { createHash, randomInt } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { assert } from 'chai';
import {
  type ExtentSet,
  complement,
  intersect,
  normalize,
  totalLength,
  union,
  wholeOf,
} from '../../shared/domain/extent.ts';
import { assertSoundByE2fsck, freeByDumpe2fs } from '../support/ext-oracle.ts';
import { EXTENT, FIRST_EXTENT, groupText, logicalText, lvmDisk } from '../support/lvm-disk.ts';
import { hasProgram, runProgram } from '../support/ntfs-oracle.ts';
import { type Draw, seededRandom } from '../support/seeded-random.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';
import { mapBytes } from '../support/volume-fixture.ts';
import { assertSoundByXfsRepair, freeByXfsDb } from '../support/xfs-oracle.ts';

const KiB = 1024;
const MiB = 1024 * KiB;
const EXTENTS = 6;
const ROUNDS = 3;
const STEPS = 14;
const BLOCK = 512;

function readNumber(name: string): number | null {
  const text = process.env[name] ?? '';
  return text === '' ? null : Number(text);
}
const runs = readNumber('BLOCKHOUSE_WRITE_RUNS') ?? 4;
const firstSeed = readNumber('BLOCKHOUSE_WRITE_SEED') ?? randomInt(2 ** 31);
const seeds = Array.from({ length: runs }, (_, run) => firstSeed + run);

function pick<T>(draw: Draw, list: readonly T[]): T {
  return list[draw(list.length)]!;
}

/** Content that says in every 512 bytes which file and which part of it they are. */
function contentOf(name: string, lengthBytes: number): Buffer {
  const bytes = Buffer.alloc(lengthBytes, `${name}-`);
  for (let at = 0; at < lengthBytes; at += BLOCK) bytes.write(`<${name}:${at}>`, at, 'latin1');
  return bytes;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** What is dropped of a disk, which is then overwritten in `bytes`. */
async function overwriteDropped(bytes: Buffer): Promise<ExtentSet> {
  const { keep, volumes } = await mapBytes(bytes);
  for (const { gate, reason } of volumes) assert.isNull(gate, reason ?? '');
  const dropped = complement(keep, bytes.length);
  assert.deepEqual(union(keep, dropped), wholeOf(bytes.length));
  for (const { start, length } of dropped) bytes.fill('overwritten!', start, start + length);
  return dropped;
}

interface Disk {
  readonly disk: Buffer;
  /** The volume as it lies on the disk. */
  readonly extract: () => Buffer;
  /** Where bytes of the volume lie. */
  readonly toDisk: (extents: ExtentSet) => ExtentSet;
}

/** A volume in two pieces of a volume group, the second one before the first. */
function onLvm(volume: Buffer, draw: Draw): Disk {
  const first = 1 + draw(EXTENTS - 1);
  const second = EXTENTS - first;
  const text = logicalText('root', [
    ['pv0', second + 2, first],
    ['pv0', 1, second],
  ]);
  const extents = EXTENTS + 4;
  const disk = lvmDisk(groupText(text, { extents }), { extents });
  const cut = first * EXTENT;
  const [firstAt, secondAt] = [FIRST_EXTENT + (second + 2) * EXTENT, FIRST_EXTENT + EXTENT];
  volume.copy(disk, firstAt, 0, cut);
  volume.copy(disk, secondAt, cut);
  const extract = (): Buffer =>
    Buffer.concat([
      disk.subarray(firstAt, firstAt + cut),
      disk.subarray(secondAt, secondAt + second * EXTENT),
    ]);
  const part = (set: ExtentSet, from: number, to: number, by: number): ExtentSet =>
    intersect(set, [{ start: from, length: to - from }]).map(({ start, length }) => ({
      start: start + by,
      length,
    }));
  const toDisk = (set: ExtentSet): ExtentSet =>
    normalize([...part(set, 0, cut, firstAt), ...part(set, cut, EXTENTS * EXTENT, secondAt - cut)]);
  return { disk, extract, toDisk };
}

const onItsOwn = (volume: Buffer): Disk => ({
  disk: volume,
  extract: () => volume,
  toDisk: (extents) => extents,
});

const layouts = [
  '-t ext2 -b 1024',
  '-t ext3 -b 1024 -J size=1',
  '-t ext4 -b 1024 -J size=1',
  '-t ext4 -b 4096 -g 1024 -J size=4',
  '-t ext4 -b 2048 -O ^metadata_csum,uninit_bg -J size=2',
  '-t ext4 -b 1024 -O ^has_journal,^flex_bg',
  '-t ext4 -b 1024 -O meta_bg,^resize_inode,^has_journal',
];

/** Files of a volume by their path: SHA-256. */
type Files = Map<string, string>;

/** Lines for debugfs that write and delete, and what is there after them. */
function drawSteps(folder: TempFolder, draw: Draw, files: Files, round: number): string[] {
  const lines = [`mkdir d${round}`];
  for (let step = 0; step < STEPS; step++) {
    const known = [...files.keys()];
    if (known.length > 3 && draw(3) === 0) {
      const name = pick(draw, known);
      files.delete(name);
      lines.push(`rm ${name}`);
      continue;
    }
    const name = `f${round}-${step}`;
    const path = draw(2) === 0 ? name : `d${round}/${name}`;
    const content = contentOf(name, draw(4) === 0 ? draw(900 * KiB) : draw(20 * KiB));
    writeFileSync(folder.file(name), content);
    lines.push(`write ${folder.file(name)} ${path}`);
    files.set(path, sha256(content));
  }
  return lines;
}

function checkExt(folder: TempFolder, volume: Buffer, files: Files): void {
  const file = folder.file('overwritten.raw');
  writeFileSync(file, volume);
  assertSoundByE2fsck(file);
  const tree = folder.file('tree');
  mkdirSync(tree);
  runProgram('debugfs', ['-R', `rdump / ${tree}`, file]);
  for (const [path, wanted] of files) assert.equal(sha256(readFileSync(`${tree}/${path}`)), wanted, path);
  rmSync(tree, { recursive: true });
}

describe('mapActiveBlocks over ext volumes written at random', function () {
  this.timeout(Math.max(60_000, runs * 20_000));

  before(function () {
    if (['mke2fs', 'dumpe2fs', 'debugfs', 'e2fsck'].every((name) => hasProgram(name))) return;
    console.log('    skipped: e2fsprogs are not installed');
    this.skip();
  });

  for (const seed of seeds) {
    it(`changes no file and leaves e2fsck nothing to find (BLOCKHOUSE_WRITE_SEED=${seed})`, async () => {
      const draw = seededRandom(seed);
      await using folder = await tempFolder();
      const file = folder.file('volume.raw');
      writeFileSync(file, '');
      truncateSync(file, EXTENTS * EXTENT);
      runProgram('mke2fs', ['-q', '-F', ...pick(draw, layouts).split(' '), file]);
      const files: Files = new Map();
      for (let round = 0; round < ROUNDS; round++) {
        writeFileSync(folder.file('steps'), `${drawSteps(folder, draw, files, round).join('\n')}\n`);
        runProgram('debugfs', ['-w', '-f', folder.file('steps'), file]);
        const volume = readFileSync(file);
        const { disk, extract, toDisk } = draw(2) === 0 ? onLvm(volume, draw) : onItsOwn(volume);
        const dropped = await overwriteDropped(disk);
        assert.deepEqual(dropped, toDisk(freeByDumpe2fs(file)));
        checkExt(folder, extract(), files);
      }
    });
  }
});

const formats: readonly (readonly string[])[] = [
  [],
  ['-b', 'size=1024'],
  ['-m', 'rmapbt=1,reflink=1,bigtime=1'],
  ['-m', 'crc=0'],
  ['-d', 'agcount=3'],
  ['-s', 'size=4096'],
];

/** A prototype of files and folders for mkfs.xfs, and their content. */
function drawPrototype(folder: TempFolder, draw: Draw): { lines: string[]; contents: Buffer[] } {
  const lines = ['/', '0 0', 'd--755 0 0'];
  const contents: Buffer[] = [];
  let depth = 0;
  for (let number = 0; number < 60; number++) {
    const kind = draw(12);
    if (kind === 0 && depth < 4) {
      lines.push(`d${number} d--755 0 0`);
      depth++;
    } else if (kind === 1 && depth > 0) {
      lines.push('$');
      depth--;
    } else {
      const name = `f${number}`;
      const content = contentOf(name, BLOCK + (draw(4) === 0 ? draw(1500 * KiB) : draw(30 * KiB)));
      writeFileSync(folder.file(name), content);
      lines.push(`${name} ---644 0 0 ${folder.file(name)}`);
      contents.push(content);
    }
  }
  for (; depth >= 0; depth--) lines.push('$');
  return { lines, contents };
}

/** Every 512 bytes of the files are somewhere in the volume. */
function assertHolds(volume: Buffer, contents: readonly Buffer[]): void {
  const found = new Set<string>();
  for (let at = 0; at < volume.length; at += BLOCK) {
    if (volume[at] === 0x3c) found.add(volume.toString('latin1', at, at + BLOCK));
  }
  for (const content of contents) {
    for (let at = 0; at + BLOCK <= content.length; at += BLOCK) {
      const part = content.toString('latin1', at, at + BLOCK);
      assert.isTrue(found.has(part), `${part.slice(0, 20)} is there`);
    }
  }
}

describe('mapActiveBlocks over XFS volumes filled at random', function () {
  this.timeout(Math.max(60_000, runs * 20_000));

  before(function () {
    if (['mkfs.xfs', 'xfs_db', 'xfs_repair'].every((name) => hasProgram(name))) return;
    console.log('    skipped: xfsprogs are not installed');
    this.skip();
  });

  for (const seed of seeds) {
    it(`changes no file and leaves xfs_repair nothing to find (BLOCKHOUSE_WRITE_SEED=${seed})`, async () => {
      const draw = seededRandom(seed);
      await using folder = await tempFolder();
      const { lines, contents } = drawPrototype(folder, draw);
      writeFileSync(folder.file('prototype'), `${lines.join('\n')}\n`);
      const file = folder.file('volume.raw');
      const size = `size=${80 + draw(60)}m`;
      const options = ['-q', '--unsupported', ...pick(draw, formats)];
      runProgram('mkfs.xfs', [...options, '-p', folder.file('prototype'), '-d', `file,name=${file},${size}`]);
      const volume = readFileSync(file);
      assertHolds(volume, contents);
      const dropped = await overwriteDropped(volume);
      assert.deepEqual(dropped, freeByXfsDb(file));
      assert.isAbove(totalLength(dropped), MiB);
      assertHolds(volume, contents);
      writeFileSync(file, volume);
      assertSoundByXfsRepair(file);
    });
  }
});
