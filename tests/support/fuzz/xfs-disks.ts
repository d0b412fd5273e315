/**
 * Volumes of XFS to be spoilt, of version 5 and 4.
 *
 * Judged: of version 5 everything, as long as its checksums are not made right; of version 4 the two trees of a group, which must say
 * the same, and headers. Not judged: the log of version 4, and its superblock.
 */
import { crc32c } from '../../../worker/filter/crc32c.ts';
import { diskBytesOf } from '../../../worker/filter/disk-bytes.ts';
import { volumeBytesOf } from '../../../worker/filter/volume-bytes.ts';
import { createTreeWalker } from '../../../worker/filter/xfs/free-tree.ts';
import { readGroup } from '../../../worker/filter/xfs/group.ts';
import { decodeSuperblock } from '../../../worker/filter/xfs/superblock.ts';
import { readerOf } from '../image-reader.ts';
import { loadVolume } from '../volume-fixture.ts';
import { logRecords, placesOf, sealGroup, sealSuperblock, sealTree } from '../xfs-bytes.ts';
import { type FuzzDisk, type FuzzKind, type FuzzRegion } from './fuzz-disk.ts';

const LAST_RECORDS = 4;

/** Where the blocks of all trees lie. */
async function treeBlocks(bytes: Buffer): Promise<number[]> {
  const disk = diskBytesOf(readerOf(bytes), new AbortController().signal);
  const volume = volumeBytesOf(disk, 0, bytes.length);
  const superblock = decodeSuperblock(bytes, 0);
  const walker = createTreeWalker(volume, superblock);
  for (let number = 0; number < superblock.shape.groups; number++) {
    const group = await readGroup(volume, superblock, number);
    for (const kind of ['byPlace', 'bySize'] as const) {
      const leaves = walker.leaves(group, kind);
      while ((await leaves.next()).done !== true);
    }
  }
  return walker.ownBlocks.map((block) => block * superblock.shape.blockBytes);
}

/** CRC-32C of a record of the log with one header: over 328 bytes of it, and its data. */
function sealRecord(bytes: Buffer, at: number): void {
  const dataBytes = Math.min(bytes.readUInt32BE(at + 12), 32 * 1024);
  bytes.writeUInt32LE(0, at + 32);
  const head = crc32c(0xffffffff, bytes.subarray(at, at + 328));
  bytes.writeUInt32LE(~crc32c(head, bytes.subarray(at + 512, at + 512 + dataBytes)) >>> 0, at + 32);
}

async function xfsDisk(name: string): Promise<FuzzDisk> {
  const { bytes } = loadVolume(name);
  const { groupsAt, sectorBytes, blockBytes } = placesOf(bytes);
  const { features } = decodeSuperblock(bytes, 0);
  const weak = features.hasCrc ? 'unless-sealed' : 'never';
  const judged = features.hasCrc ? 'unless-sealed' : 'always';
  const sealed = (at: number, lengthBytes: number, run: (disk: Buffer) => void): Pick<FuzzRegion, 'seals'> =>
    features.hasCrc ? { seals: [{ at, lengthBytes, run }] } : {};
  const regions: FuzzRegion[] = [
    { name: 'superblock', at: 0, lengthBytes: 272, judged: weak, ...sealed(0, sectorBytes, sealSuperblock) },
    ...groupsAt.flatMap((at, group): FuzzRegion[] => {
      const head = at + sectorBytes;
      const copy = { name: `copy ${group} of the superblock`, at, lengthBytes: 272, judged: weak } as const;
      const seals = sealed(head, 512, (disk) => sealGroup(disk, head));
      return [copy, { name: `header ${group}`, at: head, lengthBytes: 224, judged, ...seals }];
    }),
    ...(await treeBlocks(bytes)).map((at): FuzzRegion => {
      const seals = sealed(at, blockBytes, (disk) => sealTree(disk, at, blockBytes));
      return { name: `tree block at ${at}`, at, lengthBytes: blockBytes, judged, ...seals };
    }),
    ...logRecords(bytes)
      .slice(-LAST_RECORDS)
      .map((at): FuzzRegion => {
        const seals = sealed(at + 32, 4, (disk) => sealRecord(disk, at));
        return { name: `log record at ${at}`, at, lengthBytes: 2048, judged: weak, ...seals };
      }),
  ];
  return { bytes, regions };
}

export const xfsKinds: readonly FuzzKind[] = ['xfs-clean', 'xfs-frozen', 'xfs-v4'].map((name) => ({
  name,
  make: () => xfsDisk(name),
}));
