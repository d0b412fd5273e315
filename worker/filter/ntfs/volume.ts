/**
 * One NTFS volume: which of its bytes nobody needs. Everything that is not a free cluster of a volume whose gates are all open, or
 * content that the job leaves out, stays: boot area, metafiles, the sectors after the last cluster with the copy of the boot sector.
 */
import { type Extent } from '../../../shared/domain/extent.ts';
import { type FileSystemFindings, type FilterOptions } from '../file-system.ts';
import { gateOf } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type BootSector, decodeBootSector } from './boot-sector.ts';
import { openGates } from './gates.ts';
import { droppableClusters } from './kept-beyond.ts';
import { openMft, readFamily } from './mft.ts';
import { ntfsDamage, recordNumbers } from './units.ts';
import { labelOf } from './volume-record.ts';

/** Looks into the volume; what it holds is never thrown, only the transport's failures and cancelling are. */
export async function examineNtfs(bytes: VolumeBytes, options: FilterOptions): Promise<FileSystemFindings> {
  const known: Pick<FileSystemFindings, 'fileSystem'> & {
    label: string | null;
    clusterBytes: number | null;
  } = {
    fileSystem: 'NTFS',
    label: null,
    clusterBytes: null,
  };
  try {
    const boot = await readBootSector(bytes);
    known.clusterBytes = boot.clusterBytes;
    const mft = await openMft({ bytes, boot });
    const volumeFile = await readFamily(mft, recordNumbers.volume);
    known.label = labelOf(volumeFile);
    const trusted = await openGates(mft, volumeFile);
    const { clusters, kept, excluded, warnings } = await droppableClusters(trusted, options, known.label);
    const freeBytes = trusted.free.count * boot.clusterBytes;
    const usedBytes = boot.clusters * boot.clusterBytes - freeBytes;
    const free = clusters.map(({ start, length }) => bytesOf(boot, start, length));
    const told = options.exclude === undefined ? { kept, warnings } : { kept, warnings, excluded };
    return { ...known, usedBytes, freeBytes, free, ...told, gate: null, reason: null };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return { ...known, usedBytes: null, freeBytes: null, free: [], kept: [], ...closed };
  }
}

/** @throws AppError `FS_STRUCTURE_INVALID` when it cannot be, or describes a larger volume than there is */
export async function readBootSector(bytes: VolumeBytes): Promise<BootSector> {
  const sector = new Uint8Array(512);
  await bytes.readInto(0, sector);
  const boot = decodeBootSector(sector, bytes.startBytes);
  if (!((boot.totalSectors + 1) * boot.sectorBytes <= bytes.lengthBytes)) {
    throw ntfsDamage('boot sector', 'the volume is larger than its partition', bytes.startBytes + 40);
  }
  return boot;
}

function bytesOf({ clusterBytes }: BootSector, start: number, length: number): Extent {
  return { start: start * clusterBytes, length: length * clusterBytes };
}
