/**
 * Shadow copies of the guest: they read what has not been overwritten since from the volume itself, partly from clusters that are
 * free by now. Those are kept; a copy whose store lies on another volume does not tell which, so the volume is kept whole.
 *
 * Source: docs/format/ntfs.md, section 9.
 */
import { type Extent, type ExtentSet, endOf, union } from '../../../shared/domain/extent.ts';
import { createKeptRuns } from '../kept-runs.ts';
import { gateOf } from '../gate.ts';
import { gateClosed } from './gate.ts';
import { type NtfsVolume } from './ntfs-volume.ts';
import { type VssCatalog, type VssStore, readVssCatalog } from './vss-catalog.ts';
import { VSS_BLOCK_BYTES } from './vss-blocks.ts';
import { storeExtents, wantedBlocks } from './vss-store.ts';

/** Stores of one volume: Windows allows 64 copies, and those of other volumes may lie here, too. */
const MAX_STORES = 1024;

/**
 * The clusters that shadow copies want, or that hold them, as far as they touch `free` or `excluded`.
 * @throws AppError `FILTER_GATE_CLOSED` when they cannot be told, `FS_STRUCTURE_INVALID` when what tells them cannot be read
 */
export async function shadowCopyClusters(
  volume: NtfsVolume,
  free: ExtentSet,
  excluded: ExtentSet = [],
): Promise<ExtentSet> {
  const catalog = await readVssCatalog(volume.bytes);
  const pairs = pairsOf(volume, catalog);
  const kept = createKeptRuns(union(free, excluded));
  await requireAllocated({ volume, catalog, free }, kept.add);
  for (const { store, volumeBytes } of pairs) {
    await wantedBlocks(volume.bytes, store, volumeBytes, (start, end) => {
      const clusters = clustersOf(volume, {
        start: start * VSS_BLOCK_BYTES,
        length: (end - start) * VSS_BLOCK_BYTES,
      });
      kept.add(clusters.start, endOf(clusters));
    });
  }
  return kept.list();
}

/** True unless it is certain that there is no shadow copy of the volume. */
export async function mayHaveShadowCopies(volume: NtfsVolume): Promise<boolean> {
  try {
    return (await readVssCatalog(volume.bytes)).copies.size > 0;
  } catch (error) {
    if (gateOf(error) === null) throw error;
    return true;
  }
}

function pairsOf(
  { bytes }: NtfsVolume,
  { copies, stores, blocks }: VssCatalog,
): { store: VssStore; volumeBytes: number }[] {
  const at = bytes.startBytes + (blocks[0] ?? 0);
  const close = (reason: string): Error => gateClosed('guest-shadow-copies', reason, at);
  if (stores.size > MAX_STORES) throw close(`The volume has ${stores.size} stores of shadow copies`);
  return [...copies].map(([guid, volumeBytes]) => {
    const store = stores.get(guid);
    if (store === undefined) throw close('A shadow copy of the guest has its store on another volume');
    return { store, volumeBytes };
  });
}

interface Stores {
  readonly volume: NtfsVolume;
  readonly catalog: VssCatalog;
  /** What $Bitmap does not call used. */
  readonly free: ExtentSet;
}

/**
 * Tells the clusters that stores lie in. They are files of the volume: if $Bitmap calls a part of one free, one of the two is not
 * what it seems.
 */
async function requireAllocated(
  { volume, catalog, free }: Stores,
  tell: (start: number, end: number) => void,
): Promise<void> {
  const unallocated = createKeptRuns(free);
  const check = (extent: Extent): void => {
    const clusters = clustersOf(volume, extent);
    unallocated.add(clusters.start, endOf(clusters));
    tell(clusters.start, endOf(clusters));
  };
  for (const start of catalog.blocks) check({ start, length: VSS_BLOCK_BYTES });
  for (const store of catalog.stores.values()) {
    for await (const extent of storeExtents(volume.bytes, store)) check(extent);
  }
  const first = unallocated.list()[0];
  if (first === undefined) return;
  throw gateClosed(
    'bitmap-contradicts',
    '$Bitmap calls clusters free that a store of shadow copies lies in',
    volume.bytes.startBytes + first.start * volume.boot.clusterBytes,
  );
}

function clustersOf({ boot: { clusterBytes } }: NtfsVolume, { start, length }: Extent): Extent {
  const first = Math.floor(start / clusterBytes);
  return { start: first, length: Math.ceil((start + length) / clusterBytes) - first };
}
