/**
 * Checksums of group descriptors and bitmaps.
 *
 *   CRC-32C (metadata_csum)  seed of the volume; group number u32; the descriptor with 0 for the checksum: the lower 16 bits
 *   CRC-16 (uninit_bg)       FFFF; UUID; group number u32; the descriptor without the checksum
 *   bitmaps                  CRC-32C alone: seed of the volume; one bit for every cluster of a full group
 *
 * Source: docs/format/ext.md, section 4.
 */
import { crc32c } from '../crc32c.ts';
import { type Superblock } from './superblock.ts';

const CHECKSUM_AT = 0x1e;
const NO_CHECKSUM = new Uint8Array(2);

const crc16Table = Uint16Array.from({ length: 256 }, (_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ ((value & 1) !== 0 ? 0xa001 : 0);
  return value;
});

function crc16(seed: number, bytes: Uint8Array): number {
  let state = seed;
  for (const byte of bytes) state = (state >>> 8) ^ Number(crc16Table[(state ^ byte) & 0xff]);
  return state;
}

/** What the checksum of this descriptor should be, or null when the volume has none. */
export function descriptorChecksum(
  superblock: Superblock,
  group: number,
  descriptor: Uint8Array,
): number | null {
  const number = new Uint8Array(4);
  new DataView(number.buffer).setUint32(0, group, true);
  const before = descriptor.subarray(0, CHECKSUM_AT);
  const after = descriptor.subarray(CHECKSUM_AT + 2);
  switch (superblock.shape.checksums) {
    case 'none':
      return null;
    case 'crc32c': {
      const head = crc32c(crc32c(superblock.checksumSeed, number), before);
      return crc32c(crc32c(head, NO_CHECKSUM), after) & 0xffff;
    }
    case 'crc16':
      return [superblock.uuid, number, before, after].reduce(crc16, 0xffff);
  }
}

/** What the checksum of a bitmap should be; `bitmap` covers the clusters of a full group. */
export function bitmapChecksum(superblock: Superblock, bitmap: Uint8Array): number {
  return crc32c(superblock.checksumSeed, bitmap);
}
