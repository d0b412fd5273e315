/** An exFAT volume in memory, with the places that tests spoil, and the checksum of the boot region made right again. */
import { decodeBootRegion } from '../../worker/filter/exfat/boot-region.ts';

/** Where a cluster lies, in bytes; clusters are numbered from 2. */
export function clusterAt(bytes: Buffer, cluster: number): number {
  const { heapAt, clusterBytes } = decodeBootRegion(bytes, 0);
  return heapAt + (cluster - 2) * clusterBytes;
}

/** Where the first entry of a type lies in the root directory. */
export function rootEntryAt(bytes: Buffer, type: number): number {
  const { rootCluster } = decodeBootRegion(bytes, 0);
  let at = clusterAt(bytes, rootCluster);
  while (bytes[at] !== type) at += 32;
  return at;
}

/** Where the FAT's entry of a cluster lies. */
export const fatEntryAt = (bytes: Buffer, cluster: number): number =>
  decodeBootRegion(bytes, 0).fatAt + 4 * cluster;

export function sealBootRegion(bytes: Buffer): void {
  const sectorBytes = 2 ** bytes[108]!;
  let sum = 0;
  for (let i = 0; i < 11 * sectorBytes; i++) {
    if (i === 106 || i === 107 || i === 112) continue;
    sum = ((((sum & 1) << 31) | (sum >>> 1)) + bytes[i]!) >>> 0;
  }
  for (let at = 11 * sectorBytes; at < 12 * sectorBytes; at += 4) bytes.writeUInt32LE(sum >>> 0, at);
}
