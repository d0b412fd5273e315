/** An XFS volume in memory, with the places that tests spoil, and checksums made right again after that. */
import { crc32c } from '../../worker/filter/crc32c.ts';
import { decodeSuperblock } from '../../worker/filter/xfs/superblock.ts';

export interface XfsPlaces {
  readonly blockBytes: number;
  readonly sectorBytes: number;
  readonly logAt: number;
  readonly logBytes: number;
  readonly groupsAt: readonly number[];
}

export function placesOf(bytes: Buffer): XfsPlaces {
  const { shape } = decodeSuperblock(bytes, 0);
  return {
    blockBytes: shape.blockBytes,
    sectorBytes: shape.sectorBytes,
    logAt: shape.log.start * shape.blockBytes,
    logBytes: shape.log.length * shape.blockBytes,
    groupsAt: Array.from({ length: shape.groups }, (_, i) => i * shape.groupBlocks * shape.blockBytes),
  };
}

/** Where the root of the tree by place (or by size) of a group lies. */
export function treeRootAt(bytes: Buffer, group: number, kind: 'byPlace' | 'bySize' = 'byPlace'): number {
  const { groupsAt, blockBytes, sectorBytes } = placesOf(bytes);
  const root = bytes.readUInt32BE(groupsAt[group]! + sectorBytes + (kind === 'byPlace' ? 16 : 20));
  return groupsAt[group]! + root * blockBytes;
}

/** Sets the CRC-32C of a structure at `offset` of it. */
function seal(bytes: Buffer, structure: { at: number; lengthBytes: number; offset: number }): void {
  const { at, lengthBytes, offset } = structure;
  bytes.writeUInt32LE(0, at + offset);
  bytes.writeUInt32LE(~crc32c(0xffffffff, bytes.subarray(at, at + lengthBytes)) >>> 0, at + offset);
}

export const sealSuperblock = (bytes: Buffer): void =>
  seal(bytes, { at: 0, lengthBytes: bytes.readUInt16BE(102), offset: 224 });

/** Seals the header of a group: `AGF`. */
export const sealGroup = (bytes: Buffer, at: number): void =>
  seal(bytes, { at, lengthBytes: 512, offset: 216 });
export const sealTree = (bytes: Buffer, at: number, blockBytes: number): void =>
  seal(bytes, { at, lengthBytes: blockBytes, offset: 52 });

/** Where the records of the log begin, first to last, by their magic. */
export function logRecords(bytes: Buffer): number[] {
  const { logAt, logBytes } = placesOf(bytes);
  const found: number[] = [];
  for (let at = logAt; at < logAt + logBytes; at += 512) {
    if (bytes.readUInt32BE(at) === 0xfeedbabe && bytes.readUInt32BE(at + 40) > 0) found.push(at);
  }
  return found;
}
