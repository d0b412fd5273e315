/** Partition tables by code, valid as they come and open to be spoilt. */
import { crc32 } from 'node:zlib';

export interface MbrEntry {
  readonly type: number;
  readonly first: number;
  readonly sectors: number;
  readonly status?: number;
}

/** An MBR or EBR of these entries. */
export function mbr(...entries: readonly MbrEntry[]): Buffer {
  const bytes = Buffer.alloc(512);
  entries.forEach(({ type, first, sectors, status }, index) => {
    const offset = 446 + 16 * index;
    bytes.writeUInt8(status ?? 0, offset);
    bytes.writeUInt8(type, offset + 4);
    bytes.writeUInt32LE(first, offset + 8);
    bytes.writeUInt32LE(sectors, offset + 12);
  });
  bytes.writeUInt16LE(0xaa55, 510);
  return bytes;
}

export interface GptEntry {
  readonly type: string;
  readonly first: number;
  readonly last: number;
}

export const BASIC_DATA = 'ebd0a0a2-b9e5-4433-87c0-68b6b72699c7';

function guidBytes(text: string): Buffer {
  const raw = Buffer.from(text.replaceAll('-', ''), 'hex');
  raw.subarray(0, 4).reverse();
  raw.subarray(4, 6).reverse();
  raw.subarray(6, 8).reverse();
  return raw;
}

export interface GptDisk {
  readonly capacityBytes: number;
  readonly sectorBytes: number;
  readonly entries: readonly GptEntry[];
}

/** A disk of zeros with a protective MBR, a GPT and its copy at the end. */
export function gptDisk({ capacityBytes, sectorBytes, entries }: GptDisk): Buffer {
  const disk = Buffer.alloc(capacityBytes);
  const lastLba = capacityBytes / sectorBytes - 1;
  const table = Buffer.alloc(16 * 1024);
  entries.forEach(({ type, first, last }, index) => {
    guidBytes(type).copy(table, 128 * index);
    table.writeBigUInt64LE(BigInt(first), 128 * index + 32);
    table.writeBigUInt64LE(BigInt(last), 128 * index + 40);
  });
  const tableSectors = table.length / sectorBytes;
  mbr({ type: 0xee, first: 1, sectors: 0xffffffff }).copy(disk);
  for (const [own, other, tableLba] of [
    [1, lastLba, 2],
    [lastLba, 1, lastLba - tableSectors],
  ] as const) {
    table.copy(disk, tableLba * sectorBytes);
    gptHeader({ own, other, tableLba }, table).copy(disk, own * sectorBytes);
  }
  return disk;
}

function gptHeader(place: { own: number; other: number; tableLba: number }, table: Buffer): Buffer {
  const header = Buffer.alloc(92);
  header.write('EFI PART', 0, 'latin1');
  header.writeUInt32LE(0x10000, 8);
  header.writeUInt32LE(header.length, 12);
  header.writeBigUInt64LE(BigInt(place.own), 24);
  header.writeBigUInt64LE(BigInt(place.other), 32);
  header.writeBigUInt64LE(BigInt(place.tableLba), 72);
  header.writeUInt32LE(128, 80);
  header.writeUInt32LE(128, 84);
  header.writeUInt32LE(crc32(table), 88);
  header.writeUInt32LE(crc32(header), 16);
  return header;
}
