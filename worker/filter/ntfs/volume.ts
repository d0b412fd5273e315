/**
 * One NTFS volume: which of its bytes nobody needs. Everything that is not a free cluster of a volume whose gates are all open
 * stays: boot area, metafiles, the sectors after the last cluster with the copy of the boot sector.
 */
import { type ExtentSet, subtract } from '../../../shared/domain/extent.ts';
import { type BootSector, decodeBootSector } from './boot-sector.ts';
import { gateOf } from './gate.ts';
import { trustedFreeClusters } from './gates.ts';
import { clustersOf, metafileClusters } from './metafiles.ts';
import { openMft, readFamily } from './mft.ts';
import { ntfsDamage, recordNumbers } from './units.ts';
import { type VolumeBytes } from './volume-bytes.ts';
import { labelOf } from './volume-record.ts';

export interface NtfsFindings {
  readonly label: string | null;
  readonly clusterBytes: number | null;
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Bytes of the disk that need not be read; empty when a gate is closed. */
  readonly free: ExtentSet;
  readonly gate: string | null;
  readonly reason: string | null;
}

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineNtfs(bytes: VolumeBytes): Promise<NtfsFindings> {
  const known: { label: string | null; clusterBytes: number | null } = { label: null, clusterBytes: null };
  try {
    const boot = await readBootSector(bytes);
    known.clusterBytes = boot.clusterBytes;
    const mft = await openMft({ bytes, boot });
    const volumeFile = await readFamily(mft, recordNumbers.volume);
    known.label = labelOf(volumeFile);
    const trusted = await trustedFreeClusters(mft, volumeFile);
    const metafiles = subtract(trusted.runs, await metafileClusters(mft));
    const droppable = subtract(metafiles, clustersOf(mft, []));
    const freeBytes = trusted.count * boot.clusterBytes;
    const usedBytes = boot.clusters * boot.clusterBytes - freeBytes;
    return { ...known, usedBytes, freeBytes, free: toDisk(bytes, boot, droppable), gate: null, reason: null };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...known, usedBytes: null, freeBytes: null, free: [], ...closed };
  }
}

async function readBootSector(bytes: VolumeBytes): Promise<BootSector> {
  const sector = new Uint8Array(512);
  await bytes.readInto(0, sector);
  const boot = decodeBootSector(sector, bytes.startBytes);
  if (!((boot.totalSectors + 1) * boot.sectorBytes <= bytes.lengthBytes)) {
    throw ntfsDamage('boot sector', 'the volume is larger than its partition', bytes.startBytes + 40);
  }
  return boot;
}

function toDisk(bytes: VolumeBytes, boot: BootSector, clusters: ExtentSet): ExtentSet {
  return clusters.map(({ start, length }) => ({
    start: bytes.startBytes + start * boot.clusterBytes,
    length: length * boot.clusterBytes,
  }));
}
