/**
 * The FAT: a u32 for every cluster, the number of the next one of its file, FFFFFFFF for the last.
 *
 * Source: docs/format/exfat.md, section 2.
 */
import { KiB } from '../../../shared/base/units.ts';
import { type Extent } from '../../../shared/domain/extent.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type BootRegion } from './boot-region.ts';
import { FIRST_CLUSTER, exfatDamage } from './units.ts';

const LAST = 0xffffffff;
const WINDOW_BYTES = 64 * KiB;

export interface Fat {
  /**
   * The clusters of a file from its first one, counted from 0, as runs in the order of the file.
   * @throws AppError `FS_STRUCTURE_INVALID` when the chain leaves the volume or has more than `maxClusters`
   */
  chain(firstCluster: number, maxClusters: number): Promise<readonly Extent[]>;
}

export function openFat(bytes: VolumeBytes, { fatAt, clusters }: BootRegion): Fat {
  const fatBytes = (clusters + FIRST_CLUSTER) * 4;
  let window = { start: 0, view: new DataView(new ArrayBuffer(0)) };

  async function next(cluster: number): Promise<number> {
    const offset = cluster * 4;
    const start = offset - (offset % WINDOW_BYTES);
    if (start !== window.start || window.view.byteLength === 0) {
      const into = new Uint8Array(Math.min(WINDOW_BYTES, fatBytes - start));
      await bytes.readInto(fatAt + start, into);
      window = { start, view: new DataView(into.buffer) };
    }
    return window.view.getUint32(offset - start, true);
  }
  return {
    async chain(firstCluster, maxClusters) {
      const runs: { start: number; length: number }[] = [];
      let count = 0;
      for (let cluster = firstCluster; cluster !== LAST; cluster = await next(cluster)) {
        const at = bytes.startBytes + fatAt;
        const number = cluster - FIRST_CLUSTER;
        if (number < 0 || number >= clusters) {
          throw exfatDamage('FAT', `a chain names the cluster ${cluster}`, at);
        }
        if (count++ === maxClusters) throw exfatDamage('FAT', `a chain has no end at ${cluster}`, at);
        const last = runs.at(-1);
        if (last !== undefined && last.start + last.length === number) last.length++;
        else runs.push({ start: number, length: 1 });
      }
      return runs;
    },
  };
}
