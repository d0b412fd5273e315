/**
 * Swap, exFAT, LVM2 and partition tables to be spoilt. LVM2 and tables hold volumes of other kinds.
 *
 * Judged: tables, since what they name must be a file system that fits; checksummed structures as long as those are not made right;
 * FAT and root directory of exFAT, which the bitmap must call used; the header of swap. Not judged: the bitmap of exFAT.
 */
import { crc32 } from 'node:zlib';
import { decodeBootRegion } from '../../../worker/filter/exfat/boot-region.ts';
import { lvmChecksum } from '../../../worker/filter/lvm/units.ts';
import { clusterAt, fatEntryAt, rootEntryAt, sealBootRegion } from '../exfat-bytes.ts';
import { loadExtState } from '../ext-states.ts';
import { EXTENT, FIRST_EXTENT, groupText, logicalText, lvmDisk } from '../lvm-disk.ts';
import { BASIC_DATA, type MbrEntry, gptDisk, mbr } from '../partition-bytes.ts';
import { loadVolume } from '../volume-fixture.ts';
import { extRegions } from './ext-disks.ts';
import { type FuzzDisk, type FuzzKind, type FuzzRegion, type Seal, movedRegion } from './fuzz-disk.ts';

const MiB = 1024 * 1024;
const SECTOR = 512;
const SWAP_BYTES = 4 * MiB;

function swapSpace(): Buffer {
  const bytes = Buffer.alloc(SWAP_BYTES, 0x55);
  bytes.fill(0, 0, 4096);
  bytes.writeUInt32LE(1, 1024);
  bytes.writeUInt32LE(SWAP_BYTES / 4096 - 1, 1028);
  bytes.write('SWAPSPACE2', 4096 - 10, 'latin1');
  return bytes;
}

const swapRegions: readonly FuzzRegion[] = [
  { name: 'swap header', at: 1024, lengthBytes: 32, judged: 'always' },
  { name: 'swap signature', at: 4086, lengthBytes: 10, judged: 'always' },
  { name: 'swap page', at: 0, lengthBytes: 4096, judged: 'always' },
];

function exfatRegions(bytes: Buffer): FuzzRegion[] {
  const boot = decodeBootRegion(bytes, 0);
  const bitmapCluster = bytes.readUInt32LE(rootEntryAt(bytes, 0x81) + 20);
  const region = { at: 0, lengthBytes: 12 * SECTOR };
  const run = (disk: Buffer): void => {
    if (disk[108] === Math.log2(SECTOR)) sealBootRegion(disk);
  };
  const seals = [{ ...region, run }];
  return [
    { name: 'boot region', at: 0, lengthBytes: 120, judged: 'unless-sealed', seals },
    { name: 'whole boot region', ...region, judged: 'unless-sealed', seals },
    { name: 'FAT', at: fatEntryAt(bytes, 0), lengthBytes: 1024, judged: 'always' },
    { name: 'root directory', at: clusterAt(bytes, boot.rootCluster), lengthBytes: 512, judged: 'always' },
    { name: 'bitmap entry', at: rootEntryAt(bytes, 0x81), lengthBytes: 32, judged: 'always' },
    { name: 'up-case entry', at: rootEntryAt(bytes, 0x82), lengthBytes: 32, judged: 'always' },
    { name: 'bitmap', at: clusterAt(bytes, bitmapCluster), lengthBytes: 512, judged: 'never' },
  ];
}

/** A physical volume with an ext4 volume in two pieces. */
async function lvm(): Promise<FuzzDisk> {
  const volume = loadExtState('ext4-frozen');
  const root = logicalText('root', [
    ['pv0', 6, 2],
    ['pv0', 1, 4],
  ]);
  const bytes = lvmDisk(groupText(root, { extents: 9 }), { extents: 9 });
  volume.copy(bytes, FIRST_EXTENT + 6 * EXTENT, 0, 2 * EXTENT);
  volume.copy(bytes, FIRST_EXTENT + EXTENT, 2 * EXTENT);
  const area = 4096;
  const textAt = area + 512;
  const lengthBytes = Number(bytes.readBigUInt64LE(area + 48));
  const sealLabel: Seal = {
    at: 512 + 16,
    lengthBytes: 4,
    run: (disk) => disk.writeUInt32LE(lvmChecksum(disk.subarray(512 + 20, 1024)), 512 + 16),
  };
  const sealText: Seal = {
    at: area + 56,
    lengthBytes: 4,
    run: (disk) => disk.writeUInt32LE(lvmChecksum(disk.subarray(textAt, textAt + lengthBytes)), area + 56),
  };
  const sealArea: Seal = {
    at: area,
    lengthBytes: 4,
    run: (disk) => disk.writeUInt32LE(lvmChecksum(disk.subarray(area + 4, area + 512)), area),
  };
  const judged = 'unless-sealed';
  const inside = (await extRegions(volume)).filter(({ at }) => at < EXTENT);
  return {
    bytes,
    regions: [
      { name: 'label', at: 512, lengthBytes: 160, judged, seals: [sealLabel] },
      { name: 'first sectors', at: 0, lengthBytes: 2048, judged },
      { name: 'metadata header', at: area, lengthBytes: 80, judged, seals: [sealArea] },
      { name: 'metadata', at: textAt, lengthBytes, judged, seals: [sealText, sealArea] },
      { name: 'metadata again', at: textAt, lengthBytes, judged, seals: [sealText, sealArea] },
      ...inside.slice(0, 3).map((region) => movedRegion(region, FIRST_EXTENT + 6 * EXTENT)),
    ],
  };
}

interface Placed {
  readonly at: number;
  readonly bytes: Buffer;
}

/** The volumes of disks with a table, behind each other. */
function someVolumes(): readonly [Placed, Placed, Placed] {
  const [one, two, three] = [loadVolume('exfat').bytes, loadExtState('ext4-frozen'), swapSpace()];
  const secondAt = 2 * MiB + one.length;
  return [
    { at: MiB, bytes: one },
    { at: secondAt, bytes: two },
    { at: secondAt + two.length + MiB, bytes: three },
  ];
}

const table = (name: string, at: number, lengthBytes = SECTOR): FuzzRegion => ({
  name,
  at,
  lengthBytes,
  judged: 'always',
});

/** One primary partition, and two in an extended one. */
function mbrDisk(): FuzzDisk {
  const [one, two, three] = someVolumes();
  const end = three.at + three.bytes.length + MiB;
  const bytes = Buffer.alloc(end);
  const sectors = (lengthBytes: number): number => lengthBytes / SECTOR;
  const extendedAt = two.at - MiB;
  const linkAt = three.at - MiB;
  const entry = (type: number, { at, bytes: content }: Placed, base: number): MbrEntry => ({
    type,
    first: sectors(at - base),
    sectors: sectors(content.length),
  });
  const extended = { type: 5, first: sectors(extendedAt), sectors: sectors(end - extendedAt) };
  const link = { type: 5, first: sectors(linkAt - extendedAt), sectors: sectors(end - linkAt) };
  mbr(entry(7, one, 0), extended).copy(bytes);
  mbr(entry(0x83, two, extendedAt), link).copy(bytes, extendedAt);
  mbr(entry(0x82, three, linkAt)).copy(bytes, linkAt);
  for (const { at, bytes: content } of [one, two, three]) content.copy(bytes, at);
  const records = [0, extendedAt, linkAt];
  return {
    bytes,
    regions: [
      ...records.map((at) => table(`boot record at ${at}`, at)),
      ...records.map((at) => table(`entries at ${at}`, at + 446, 66)),
      ...[one, two, three].map(({ at }) => table(`start of the volume at ${at}`, at)),
    ],
  };
}

function gpt(sectorBytes: number): FuzzDisk {
  const volumes = someVolumes();
  const last = volumes[2];
  const entries = volumes.map(({ at, bytes }) => ({
    type: BASIC_DATA,
    first: at / sectorBytes,
    last: (at + bytes.length) / sectorBytes - 1,
  }));
  const bytes = gptDisk({ capacityBytes: last.at + last.bytes.length + MiB, sectorBytes, entries });
  for (const { at, bytes: content } of volumes) content.copy(bytes, at);
  const lastAt = bytes.length - sectorBytes;
  const entriesBytes = 16 * 1024;
  const headers = [
    { headerAt: sectorBytes, entriesAt: 2 * sectorBytes },
    { headerAt: lastAt, entriesAt: lastAt - entriesBytes },
  ];
  const parts = headers.flatMap(({ headerAt, entriesAt }): FuzzRegion[] => {
    const sealEntries: Seal = {
      at: headerAt + 88,
      lengthBytes: 4,
      run: (disk) =>
        disk.writeUInt32LE(crc32(disk.subarray(entriesAt, entriesAt + entriesBytes)), headerAt + 88),
    };
    const sealHeader: Seal = {
      at: headerAt + 16,
      lengthBytes: 4,
      run: (disk) => {
        disk.writeUInt32LE(0, headerAt + 16);
        disk.writeUInt32LE(crc32(disk.subarray(headerAt, headerAt + 92)), headerAt + 16);
      },
    };
    return [
      { ...table(`header at ${headerAt}`, headerAt, 92), seals: [sealHeader] },
      { ...table(`entries at ${entriesAt}`, entriesAt, 3 * 128), seals: [sealEntries, sealHeader] },
      { ...table(`all entries at ${entriesAt}`, entriesAt, entriesBytes), seals: [sealEntries, sealHeader] },
    ];
  });
  return { bytes, regions: [table('protective MBR', 0), table('its entries', 446, 66), ...parts] };
}

function exfatDisk(): FuzzDisk {
  const { bytes } = loadVolume('exfat');
  return { bytes, regions: exfatRegions(bytes) };
}

export const otherKinds: readonly FuzzKind[] = [
  { name: 'MBR with logical partitions', make: mbrDisk },
  { name: 'GPT', make: () => gpt(512) },
  { name: 'GPT with sectors of 4096 bytes', make: () => gpt(4096) },
  { name: 'exFAT', make: exfatDisk },
  { name: 'LVM2', make: lvm },
  { name: 'swap', make: () => ({ bytes: swapSpace(), regions: swapRegions }) },
];
