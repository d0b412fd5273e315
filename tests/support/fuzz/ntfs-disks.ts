/**
 * NTFS to be spoilt: at rest, with an open log, with a shadow copy.
 *
 * Judged: the boot sector, which must agree with record 0; records of metafiles, which name each other, and whose clusters $Bitmap must
 * call used. Not judged: $Bitmap itself; the records of an open log and the restart pages that lead to them, which only fix-ups
 * guard; and all of the shadow copies, whose header alone says that there are any.
 */
import { complement, intersect } from '../../../shared/domain/extent.ts';
import { mapBytes } from '../volume-fixture.ts';
import { CLEAR_BITS, SET_BITS, bitsRecord, logWriter } from '../ntfs-log.ts';
import { type DiskInMemory, diskInMemory } from '../ntfs-volume.ts';
import { shadowCopy } from '../vss-volume.ts';
import { type FuzzDisk, type FuzzKind, type FuzzRegion } from './fuzz-disk.ts';

const PAGE = 4096;
const METAFILES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
const RECORD_BYTES = 1024;
const LOG_BYTES = 64 * 1024;
const VSS_BLOCK = 16 * 1024;
const VSS_BLOCKS = 6;

function coreRegions(disk: DiskInMemory): FuzzRegion[] {
  const judged = 'always';
  return [
    { name: 'partition table', at: 440, lengthBytes: 72, judged },
    { name: 'boot sector', at: disk.volumeAt, lengthBytes: 512, judged },
    { name: 'boot file', at: disk.volumeAt + 512, lengthBytes: 8192 - 512, judged },
    ...METAFILES.map((number): FuzzRegion => {
      const at = disk.recordAt(number);
      return { name: `record ${number}`, at, lengthBytes: RECORD_BYTES, judged };
    }),
    { name: '$MFTMirr', at: disk.contentAt(1), lengthBytes: 4 * RECORD_BYTES, judged },
    { name: '$Bitmap', at: disk.contentAt(6), lengthBytes: PAGE, judged: 'never' },
  ];
}

async function atRest(name: string): Promise<FuzzDisk> {
  const disk = await diskInMemory(name, 'before');
  const log: FuzzRegion = {
    name: '$LogFile',
    at: disk.contentAt(2),
    lengthBytes: 4 * PAGE,
    judged: 'always',
  };
  return { bytes: disk.bytes, regions: [...coreRegions(disk), log] };
}

/** Free clusters of the disk, by the filter: the first run of some. */
async function freeClusters(disk: DiskInMemory): Promise<{ start: number; length: number }> {
  const { keep, volumes } = await mapBytes(disk.bytes);
  const volume = { start: disk.volumeAt, length: volumes[0]!.lengthBytes };
  const free = intersect(complement(keep, disk.bytes.length), [volume]);
  const longest = free.reduce((a, b) => (b.length > a.length ? b : a));
  const start = (longest.start - disk.volumeAt) / disk.clusterBytes;
  return { start, length: longest.length / disk.clusterBytes };
}

async function withOpenLog(version: readonly [1 | 2, 0 | 1]): Promise<FuzzDisk> {
  const disk = await diskInMemory('win-64k', 'before');
  const free = await freeClusters(disk);
  const logAt = disk.contentAt(2);
  const logBytes = version[0] === 1 ? LOG_BYTES : 4 * LOG_BYTES;
  const log = logWriter({ version, logBytes });
  const lcn = (disk.contentAt(6) - disk.volumeAt) / disk.clusterBytes;
  disk.bytes.fill(0xff, logAt, logAt + logBytes);
  const oldest = log.next();
  const writes = [...log.checkpoint(oldest), ...log.checkpoint(oldest)];
  for (let count = 0; count < 40; count++) {
    const change = { firstBit: free.start + (count % free.length), bits: 1, lcn };
    const isSet = count % 3 !== 2;
    const codes = isSet ? { redo: SET_BITS, undo: CLEAR_BITS } : { redo: CLEAR_BITS, undo: SET_BITS };
    log.append(bitsRecord({ ...codes, ...change }));
    log.append(Buffer.alloc(100 + 13 * count));
  }
  for (const { at, bytes } of [...writes, ...log.flush()]) disk.bytes.set(bytes, logAt + at);
  const regions: FuzzRegion[] = [
    ...coreRegions(disk),
    { name: 'MFT', at: disk.recordAt(0), lengthBytes: 256 * RECORD_BYTES, judged: 'always' },
    { name: 'restart pages', at: logAt, lengthBytes: 256, judged: 'never' },
    { name: 'second restart page', at: logAt + PAGE, lengthBytes: 256, judged: 'never' },
    { name: 'log', at: logAt, lengthBytes: logBytes, judged: 'never' },
  ];
  const heads = Array.from({ length: logBytes / PAGE - 2 }, (_, i): FuzzRegion => {
    return { name: `log page ${i + 2}`, at: logAt + (i + 2) * PAGE, lengthBytes: 128, judged: 'never' };
  });
  return { bytes: disk.bytes, regions: [...regions, ...heads.slice(0, 12)] };
}

async function withShadowCopy(): Promise<FuzzDisk> {
  const disk = await diskInMemory('win-64k', 'before');
  const { lengthBytes } = (await mapBytes(disk.bytes)).volumes[0]!;
  const free = await freeClusters(disk);
  const first = (free.start * disk.clusterBytes) / VSS_BLOCK;
  const [wanted, wantedBefore] = [
    [first, first + 9],
    [first + 4, first + 5],
  ] as const;
  const at = 0x2000;
  const copied = [[0, 4]] as const;
  const pieces = shadowCopy({ at, volumeBytes: lengthBytes, wanted, wantedBefore, copied }, disk.volumeAt);
  for (const piece of pieces) disk.bytes.set(piece.bytes, piece.at);
  const vssAt = disk.volumeAt + at;
  const blocks = Array.from({ length: VSS_BLOCKS }, (_, i): FuzzRegion => {
    return { name: `VSS block ${i}`, at: vssAt + i * VSS_BLOCK, lengthBytes: 512, judged: 'never' };
  });
  const header: FuzzRegion = {
    name: 'VSS header',
    at: disk.volumeAt + 0x1e00,
    lengthBytes: 128,
    judged: 'never',
  };
  const core = coreRegions(disk).filter(({ name }) => name !== 'boot file');
  return { bytes: disk.bytes, regions: [...core, header, ...blocks, ...blocks] };
}

export const ntfsKinds: readonly FuzzKind[] = [
  { name: 'NTFS at rest', make: () => atRest('win-64k') },
  { name: 'NTFS at rest, $MFT in pieces, GPT', make: () => atRest('win-gpt') },
  { name: 'NTFS with an open log 1.1', make: () => withOpenLog([1, 1]) },
  { name: 'NTFS with an open log 2.0', make: () => withOpenLog([2, 0]) },
  { name: 'NTFS with a shadow copy', make: withShadowCopy },
];
