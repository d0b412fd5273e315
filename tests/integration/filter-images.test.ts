/**
 * The filter over real disks and volumes of public test sets, most of them written by Windows: what each is mapped to, and for those
 * that are filtered, that ntfs-3g reads the same bitmap. The images lie in ../shared/images; without them, or without a
 * program that a case needs, the case says so and is skipped.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { assert } from 'chai';
import { type Extent, complement, intersect, normalize, totalLength } from '../../shared/domain/extent.ts';
import { type ActiveBlocks, mapActiveBlocks } from '../../worker/filter/active-blocks.ts';
import { freeByDumpe2fs } from '../support/ext-oracle.ts';
import { keepAllOptions } from '../support/filter-options.ts';
import { openImage } from '../support/image-reader.ts';
import {
  bitmapByNtfscat,
  extractVolume,
  freeRunsOf,
  hasProgram,
  runProgram,
  usedRangesByPartclone,
} from '../support/ntfs-oracle.ts';
import { type TempFolder, tempFolder } from '../support/temp.ts';

const IMAGES = fileURLToPath(new URL('../../../shared/images/', import.meta.url));
const PATTERN = 'PTRN';
const HEADER_OF_SWAP = 64 * 1024;

interface Expected {
  readonly packed: string;
  /** Inside an archive. */
  readonly member?: string;
  readonly state: ActiveBlocks['state'];
  /** Of each volume: file system, and the gate where it is NTFS and kept. */
  readonly volumes: readonly string[];
  /** Code of each warning. */
  readonly warnings?: readonly string[];
  /** Every dropped byte belongs to this text, repeated. */
  readonly pattern?: string;
  readonly isCheckedByPartclone?: boolean;
  readonly isTooLargeToCompare?: boolean;
}

const closed = (...gates: string[]): Pick<Expected, 'state' | 'volumes' | 'warnings'> => ({
  state: 'unfiltered',
  volumes: gates.map((gate) => `NTFS ${gate}`),
  warnings: gates.map(() => 'FILTER_GATE_CLOSED'),
});
const named = (...volumes: string[]): Pick<Expected, 'state' | 'volumes'> => ({
  state: 'unfiltered',
  volumes,
});
const filtered = (...volumes: string[]): Pick<Expected, 'state' | 'volumes'> => ({
  state: 'filtered',
  volumes,
});
const shadowed = 'guest-shadow-copies';
const reserved = 'Microsoft reserved';
/** Of 5 to 128 GiB: filter-shadow-copies.test.ts reads what is kept of them. */
const large = { isTooLargeToCompare: true };

const images: readonly Expected[] = [
  { packed: 'blkid-ntfs.img.xz', ...filtered('NTFS'), isCheckedByPartclone: true },
  { packed: 'charlie.dd.xz', ...filtered('NTFS'), isCheckedByPartclone: true },
  { packed: 'ntfs-2m.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs-lastaccess.raw.xz', ...filtered('NTFS'), pattern: PATTERN },
  { packed: 'ntfs-ptrn.raw.xz', ...filtered('NTFS'), pattern: PATTERN },
  { packed: 'ntfs-ramslack.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs-si-vs-fn.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs3.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs3_attrlist.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs_index.raw.xz', ...filtered('NTFS') },
  { packed: 'testfs1.raw.xz', ...filtered('NTFS') },
  { packed: 'tsk-mmls1.raw.xz', ...filtered('NTFS', 'NTFS') },
  { packed: 'velo-partition_image.raw.xz', ...filtered('NTFS') },
  { packed: 'velo-test.vhdx.xz', ...filtered('NTFS') },

  { packed: 'sampletiny.dd.xz', ...filtered('NTFS') },
  { packed: 'velo-test.ntfs.raw.xz', ...filtered('NTFS') },
  { packed: 'plaso-vsstest.raw.xz', ...filtered('NTFS') },
  { packed: 'ntfs.tar.xz', member: 'ntfs.raw', ...filtered('NTFS'), ...large },
  { packed: 'vss_2003.tar.xz', member: 'vss_2003.raw', ...filtered('NTFS'), ...large },
  {
    packed: 'vss_1_vol.tar.xz',
    member: 'vss_1_vol.raw',
    ...closed(shadowed),
    volumes: [reserved, `NTFS ${shadowed}`],
  },
  {
    packed: 'vss_2_stor.tar.xz',
    member: 'vss_2_stor.raw',
    ...filtered(reserved, 'NTFS'),
    ...large,
  },
  {
    packed: 'vss_3_volstor.tar.xz',
    member: 'vss_3_volstor.raw',
    ...closed(shadowed),
    state: 'partly',
    volumes: ['NTFS', `NTFS ${shadowed}`],
  },

  { packed: 'blkid-bitlocker-win7.img.xz', ...named('BitLocker') },
  { packed: 'blkid-ext2.img.xz', ...filtered('ext2') },
  { packed: 'blkid-ext3.img.xz', ...filtered('ext3') },
  // Cut off behind its first 8 MiB.
  {
    packed: 'blkid-ext4.img.xz',
    ...named('ext4 structure-invalid'),
    warnings: ['FS_STRUCTURE_INVALID'],
  },
  { packed: 'blkid-fat16_noheads.img.xz', ...named('FAT16') },
  { packed: 'blkid-hpfs.img.xz', ...named('HPFS') },
  { packed: 'blkid-lvm2.img.xz', ...named('LVM2') },
  { packed: 'blkid-swap1.img.xz', ...filtered('swap') },
  { packed: 'blkid-xfs-log.img.xz', ...named() },
  { packed: 'blkid-zfs.img.xz', ...named() },
  { packed: 'fat12.raw.xz', ...named('FAT12') },
  { packed: 'fat16.raw.xz', ...named('FAT16') },
  { packed: 'fat32_small.raw.xz', ...named('FAT32') },
  { packed: 'fat_lfn_test.raw.xz', ...named('FAT32') },
  { packed: 'fat_unusual_cluster.raw.xz', ...named('FAT12') },
  { packed: 'gpt-512-0p.raw.xz', ...named() },
  { packed: 'gpt-512-3p.raw.xz', ...named('unknown', 'unknown', 'unknown') },
  { packed: 'mbr-512-p1e2.bin.xz', ...named('unknown', 'unknown', 'unknown') },
  { packed: 'mbr-512-p1e2_2.bin.xz', ...named('unknown', 'unknown', 'LVM2') },
  { packed: 'mbr-win-512.raw.xz', ...named(...Array.from({ length: 7 }, () => 'unknown')) },
  { packed: 'mbr-4096-p1e0.bin.xz', ...named(), warnings: ['PARTITION_TABLE_INVALID'] },
  { packed: 'mbr-4096-p1e1.bin.xz', ...named(), warnings: ['PARTITION_TABLE_INVALID'] },
  {
    packed: 'lt-lvm2.vhdx.xz',
    state: 'partly',
    volumes: ['LVM2', 'ext3', 'FAT32', 'NTFS volume-dirty'],
    warnings: ['FILTER_GATE_CLOSED'],
  },
  { packed: 'lt-swap.vhdx.xz', ...filtered('swap') },
];

function shell(command: string, ...args: string[]): void {
  execFileSync('sh', ['-c', command, 'sh', ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** Unpacks an image of the set into `folder` and returns the raw file. */
function unpack(image: Expected, folder: TempFolder): string {
  const packed = path.join(IMAGES, image.packed);
  const raw = folder.file('image.raw');
  if (image.member !== undefined) {
    shell('tar -xJSf "$1" -C "$2"', packed, folder.path);
    return folder.file(image.member);
  }
  const isVhdx = image.packed.endsWith('.vhdx.xz');
  const target = isVhdx ? folder.file('image.vhdx') : raw;
  shell('xz -dc "$1" | cp --sparse=always /dev/stdin "$2"', packed, target);
  if (isVhdx) runProgram('qemu-img', ['convert', '-O', 'raw', target, raw]);
  return raw;
}

async function mapImage(file: string): Promise<ActiveBlocks> {
  await using reader = await openImage(file);
  return await mapActiveBlocks(reader, keepAllOptions, new AbortController().signal);
}

const summary = (active: ActiveBlocks): string[] =>
  active.volumes.map(({ fileSystem, gate }) =>
    gate === null || gate === 'not-filtered' ? fileSystem : `${fileSystem} ${gate}`,
  );

/** The free clusters that ntfs-3g or e2fsprogs read from every volume of the disk, as bytes of the disk. */
function freeByOracle(file: string, active: ActiveBlocks, isCheckedByPartclone: boolean): Extent[] {
  return active.volumes.flatMap(
    ({ fileSystem, startBytes, lengthBytes, clusterBytes, usedBytes, freeBytes }) => {
      using volume = extractVolume(file, { start: startBytes, length: lengthBytes });
      if (fileSystem === 'swap') return [{ start: startBytes + HEADER_OF_SWAP, length: freeBytes! }];
      if (fileSystem.startsWith('ext')) {
        return freeByDumpe2fs(volume.path).map(({ start, length }) => ({
          start: startBytes + start,
          length,
        }));
      }
      const clusters = (usedBytes! + freeBytes!) / clusterBytes!;
      const free = freeRunsOf(bitmapByNtfscat(volume.path), clusters).map(({ start, length }) => ({
        start: start * clusterBytes!,
        length: length * clusterBytes!,
      }));
      if (isCheckedByPartclone && hasProgram('partclone.ntfs')) {
        assert.deepEqual(intersect(normalize(usedRangesByPartclone(volume.path)), free), []);
      }
      return free.map(({ start, length }) => ({ start: startBytes + start, length }));
    },
  );
}

async function assertPattern(file: string, dropped: readonly Extent[], pattern: string): Promise<void> {
  await using image = await open(file, 'r');
  const wanted = Buffer.alloc(1024 * 1024, pattern);
  const piece = Buffer.alloc(wanted.length);
  for (const { start, length } of dropped) {
    for (let done = 0; done < length; done += piece.length) {
      const part = piece.subarray(0, Math.min(piece.length, length - done));
      await image.read(part, 0, part.length, start + done);
      if (!part.equals(wanted.subarray(0, part.length))) assert.fail(`no pattern near byte ${start + done}`);
    }
  }
}

describe('mapActiveBlocks over public disk images', function () {
  this.timeout(120_000);

  before(function () {
    if (existsSync(IMAGES)) return;
    console.log('    skipped: the folder ../shared/images is not there');
    this.skip();
  });

  for (const image of images) {
    const title = image.volumes.length > 0 ? image.volumes.join(', ') : 'no volume';
    it(`maps ${image.packed}: ${image.state}, ${title}`, async function () {
      if (image.packed.endsWith('.vhdx.xz') && !hasProgram('qemu-img')) {
        console.log('      skipped: qemu-img is not installed');
        this.skip();
      }
      await using folder = await tempFolder();
      const file = unpack(image, folder);
      const active = await mapImage(file);
      assert.deepEqual(summary(active), [...image.volumes]);
      assert.equal(active.state, image.state);
      assert.deepEqual(
        active.warnings.map(({ code }) => code),
        [...(image.warnings ?? [])] as (typeof active.warnings)[number]['code'][],
      );
      const dropped = complement(active.keep, statSync(file).size);
      if (image.state === 'unfiltered') assert.isEmpty(dropped);
      if (image.pattern !== undefined) await assertPattern(file, dropped, image.pattern);
      if (image.state !== 'filtered' || image.isTooLargeToCompare === true) return;
      const program = image.volumes.some((name) => name.startsWith('ext')) ? 'dumpe2fs' : 'ntfscat';
      if (!hasProgram(program)) {
        console.log(`      not compared: ${program} is not installed`);
        return;
      }
      const free = freeByOracle(file, active, image.isCheckedByPartclone ?? false);
      const kept = active.volumes.flatMap((volume) => volume.kept).reduce((sum, { bytes }) => sum + bytes, 0);
      assert.deepEqual(intersect(dropped, free), dropped);
      assert.equal(totalLength(dropped) + kept, totalLength(free));
    });
  }

  it('keeps every disk of dynamic volumes whole', async () => {
    await using folder = await tempFolder();
    shell('tar -xJSf "$1" -C "$2"', path.join(IMAGES, 'ldm-data.tar.xz'), folder.path);
    const disks = readdirSync(folder.path).filter((name) => name.endsWith('.img'));
    assert.lengthOf(disks, 19);
    for (const disk of disks) {
      const active = await mapImage(folder.file(disk));
      assert.include(summary(active), 'LDM ldm-incomplete', disk);
      assert.equal(active.state, 'unfiltered', disk);
      assert.lengthOf(active.keep, 1, disk);
    }
  });
});
