/**
 * Volumes of ext to be spoilt, with checksums and without, their journals among them.
 *
 * Judged: everything that has a checksum, as long as that is not made right; without checksums, superblock and descriptors, whose counts
 * of free clusters must be those of the bitmaps. Not judged: bitmaps and journals without checksums; the inode of the journal; and the
 * first words of a block in it: one of another kind or number is where the log ends, for Linux as for the filter.
 */
import { crc32c } from '../../../worker/filter/crc32c.ts';
import { diskBytesOf } from '../../../worker/filter/disk-bytes.ts';
import { type Blocks, blocksOf, emptyOverlay } from '../../../worker/filter/ext/blocks.ts';
import { bitmapChecksum, descriptorChecksum } from '../../../worker/filter/ext/checksum.ts';
import { blocksOfGroup, descriptorBlock, descriptorsPerBlock } from '../../../worker/filter/ext/geometry.ts';
import { hasWideDescriptors, readDescriptor } from '../../../worker/filter/ext/groups.ts';
import { type BlockRun, readFileBlocks } from '../../../worker/filter/ext/inode.ts';
import { JOURNAL_MAGIC, decodeJournalSuperblock } from '../../../worker/filter/ext/journal-superblock.ts';
import { type Superblock, decodeSuperblock } from '../../../worker/filter/ext/superblock.ts';
import { volumeBytesOf } from '../../../worker/filter/volume-bytes.ts';
import { loadExtState } from '../ext-states.ts';
import { readerOf } from '../image-reader.ts';
import { type FuzzDisk, type FuzzKind, type FuzzRegion, type Seal } from './fuzz-disk.ts';

const SUPERBLOCK = 1024;
const MAX_JOURNAL_BLOCKS = 24;
/** Magic, kind and sequence number. */
const CONTROL_BYTES = 12;

interface Volume {
  readonly bytes: Buffer;
  readonly superblock: Superblock;
  readonly blocks: Blocks;
}

const sealSuperblock: Seal = {
  at: SUPERBLOCK + 1020,
  lengthBytes: 4,
  run: (disk) =>
    disk.writeUInt32LE(crc32c(0xffffffff, disk.subarray(SUPERBLOCK, SUPERBLOCK + 1020)), SUPERBLOCK + 1020),
};

async function groupRegions(volume: Volume, group: number): Promise<FuzzRegion[]> {
  const { superblock, blocks } = volume;
  const { shape } = superblock;
  const perBlock = descriptorsPerBlock(shape);
  const at =
    descriptorBlock(shape, Math.floor(group / perBlock)) * shape.blockBytes +
    (group % perBlock) * shape.descriptorBytes;
  const { blockBitmap, inodeTable } = await readDescriptor(blocks, group);
  const bitmapAt = blockBitmap * shape.blockBytes;
  const clusters = shape.groupBlocks / shape.clusterBlocks;
  const used = Math.ceil(blocksOfGroup(shape, group) / shape.clusterBlocks);
  const lengthBytes = shape.descriptorBytes;
  const sealDescriptor: Seal = {
    at,
    lengthBytes,
    run: (disk) => {
      const sum = descriptorChecksum(superblock, group, disk.subarray(at, at + lengthBytes));
      if (sum !== null) disk.writeUInt16LE(sum, at + 30);
    },
  };
  const sealBitmap: Seal = {
    at,
    lengthBytes,
    run: (disk) => {
      const bitmap = disk.subarray(bitmapAt, bitmapAt + clusters / 8);
      const free = countFree(bitmap, used);
      const sum = bitmapChecksum(superblock, bitmap);
      disk.writeUInt16LE(free & 0xffff, at + 12);
      disk.writeUInt16LE(sum & 0xffff, at + 24);
      if (!hasWideDescriptors(shape)) return;
      disk.writeUInt16LE(free >>> 16, at + 44);
      disk.writeUInt16LE(sum >>> 16, at + 56);
    },
  };
  const hasSums = shape.checksums === 'crc32c';
  const bitmapJudged = hasSums ? 'unless-sealed' : 'never';
  return [
    { name: `descriptor ${group}`, at, lengthBytes, judged: 'unless-sealed', seals: [sealDescriptor] },
    {
      name: `bitmap ${group}`,
      at: bitmapAt,
      lengthBytes: Math.min(clusters / 8, shape.blockBytes),
      judged: bitmapJudged,
      seals: [sealBitmap, sealDescriptor],
    },
    {
      name: `inodes ${group}`,
      at: inodeTable * shape.blockBytes,
      lengthBytes: shape.blockBytes,
      judged: 'always',
    },
  ];
}

function countFree(bitmap: Uint8Array, clusters: number): number {
  let free = 0;
  for (let bit = 0; bit < clusters; bit++) if (((bitmap[bit >> 3]! >> (bit & 7)) & 1) === 0) free++;
  return free;
}

/** Superblock, inode and control blocks of the journal. */
async function journalRegions({ bytes, superblock, blocks }: Volume): Promise<FuzzRegion[]> {
  const { shape, journalInode } = superblock;
  if (journalInode === 0) return [];
  const { runs } = await readFileBlocks(blocks, journalInode);
  const first = runs[0]!.start * shape.blockBytes;
  const journal = decodeJournalSuperblock(bytes.subarray(first, first + 1024), first);
  const judged = journal.checksums === 'none' ? 'never' : 'unless-sealed';
  const { inodeTable } = await readDescriptor(blocks, 0);
  const inodeAt = inodeTable * shape.blockBytes + (journalInode - 1) * shape.inodeBytes;
  const sealHead: Seal = {
    at: first + 252,
    lengthBytes: 4,
    run: (disk) => {
      disk.writeUInt32BE(0, first + 252);
      disk.writeUInt32BE(crc32c(0xffffffff, disk.subarray(first, first + 1024)), first + 252);
    },
  };
  const seals = journal.checksums === 'none' ? [] : [sealHead];
  return [
    { name: 'journal inode', at: inodeAt, lengthBytes: shape.inodeBytes, judged: 'never' },
    { name: 'journal superblock', at: first, lengthBytes: 1024, judged, seals },
    ...controlBlocks(bytes, runs, shape.blockBytes).flatMap((at): FuzzRegion[] => {
      const sum = { at, lengthBytes: shape.blockBytes };
      const sealBlock: Seal = { ...sum, run: (disk) => sealControl(disk, sum, journal.checksumSeed) };
      const sealed = journal.checksums === 'none' ? [] : [sealBlock];
      const body = { at: at + CONTROL_BYTES, lengthBytes: shape.blockBytes - CONTROL_BYTES };
      return [
        {
          name: `head of journal block at ${at}`,
          at,
          lengthBytes: CONTROL_BYTES,
          judged: 'never',
          seals: sealed,
        },
        { name: `journal block at ${at}`, ...body, judged, seals: sealed },
      ];
    }),
  ];
}

function controlBlocks(bytes: Buffer, runs: readonly BlockRun[], blockBytes: number): number[] {
  const places = runs.flatMap(({ start, length }) =>
    Array.from({ length }, (_, i) => (start + i) * blockBytes),
  );
  const isControl = (at: number): boolean => bytes.readUInt32BE(at) === JOURNAL_MAGIC;
  return places.slice(1).filter(isControl).slice(0, MAX_JOURNAL_BLOCKS);
}

const COMMIT = 2;

function sealControl(
  disk: Buffer,
  { at, lengthBytes }: { at: number; lengthBytes: number },
  seed: number,
): void {
  const sumAt = disk.readUInt32BE(at + 4) === COMMIT ? at + 16 : at + lengthBytes - 4;
  disk.writeUInt32BE(0, sumAt);
  disk.writeUInt32BE(crc32c(seed, disk.subarray(at, at + lengthBytes)), sumAt);
}

/** The structures of a volume that begins where `bytes` do. */
export async function extRegions(bytes: Buffer): Promise<FuzzRegion[]> {
  const superblock = decodeSuperblock(bytes.subarray(SUPERBLOCK, 2 * SUPERBLOCK), SUPERBLOCK);
  const disk = diskBytesOf(readerOf(bytes), new AbortController().signal);
  const blocks = blocksOf(volumeBytesOf(disk, 0, bytes.length), superblock.shape, emptyOverlay);
  const volume = { bytes, superblock, blocks };
  const groups = await Promise.all(
    Array.from({ length: superblock.shape.groups }, (_, group) => groupRegions(volume, group)),
  );
  return [
    {
      name: 'superblock',
      at: SUPERBLOCK,
      lengthBytes: 1024,
      judged: 'unless-sealed',
      seals: superblock.shape.checksums === 'crc32c' ? [sealSuperblock] : [],
    },
    ...groups.flat(),
    ...(await journalRegions(volume)),
  ];
}

async function extDisk(state: string): Promise<FuzzDisk> {
  const bytes = loadExtState(state);
  return { bytes, regions: await extRegions(bytes) };
}

export const extKinds: readonly FuzzKind[] = [
  'ext4-frozen',
  'ext4-crash',
  'ext4-bigalloc-crash',
  'ext3-crash',
].map((state) => ({ name: state, make: () => extDisk(state) }));
