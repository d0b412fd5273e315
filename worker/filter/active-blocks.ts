/**
 * Active Block Mapping: which bytes of a disk its guest may need. Only NTFS is looked into; everything else — other file systems,
 * partition tables, gaps, volumes that raise a doubt — is kept as it is.
 *
 *   disk ─▶ partitions/ (where volumes lie) ─▶ ntfs/ (free clusters of each) ─▶ keep = disk − free
 *
 * Nothing that a disk holds makes this fail: a doubt is a warning, and the volume is kept whole.
 */
import { type ExtentSet, complement, normalize, subtract, totalLength } from '../../shared/domain/extent.ts';
import { type BlockReader } from '../ports.ts';
import { type DiskBytes, diskBytesOf, readPiece } from './disk-bytes.ts';
import { examineNtfs } from './ntfs/volume.ts';
import { volumeBytesOf } from './ntfs/volume-bytes.ts';
import { type PartitionRole } from './partitions/partition.ts';
import { HEAD_BYTES, detectFileSystem } from './partitions/signatures.ts';
import { type DiskLayout, type VolumePlace, findVolumes } from './partitions/volumes.ts';

export interface VolumeReport {
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** `NTFS`, `ext4`, `BitLocker`, `ReFS`, `FAT32`, `LDM` …; `unknown` when nothing is recognised. */
  readonly fileSystem: string;
  /** Null when there is none, or the file system is not NTFS. */
  readonly label: string | null;
  readonly clusterBytes: number | null;
  /** Of clusters; null unless the volume is filtered. */
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Bytes that need not be read: 0 when the volume is kept whole. */
  readonly skippedBytes: number;
  /** Short kebab-case name of what keeps the volume whole; null when it is filtered. */
  readonly gate: string | null;
  /** The same as a sentence. */
  readonly reason: string | null;
}

export interface FilterWarning {
  readonly code: 'FILTER_GATE_CLOSED' | 'NTFS_STRUCTURE_INVALID' | 'PARTITION_TABLE_INVALID';
  readonly message: string;
}

export interface ActiveBlocks {
  /** Byte-exact; the whole disk when nothing is filtered. */
  readonly keep: ExtentSet;
  /** `partly`: a volume is filtered, and another NTFS volume had to be kept whole. */
  readonly state: 'filtered' | 'partly' | 'unfiltered';
  /** By start. */
  readonly volumes: readonly VolumeReport[];
  /** Bytes of `keep`. */
  readonly usedBytes: number;
  /** Bytes that were read to find this out. */
  readonly readBytes: number;
  readonly warnings: readonly FilterWarning[];
}

interface Examined {
  readonly report: VolumeReport;
  readonly free: ExtentSet;
  readonly warning: FilterWarning | null;
}

/**
 * Maps the disk behind `reader`, which stays open. Volumes are read one after the other.
 * @throws what the transport throws, or the signal's reason; never for what the disk holds
 */
export async function mapActiveBlocks(reader: BlockReader, signal: AbortSignal): Promise<ActiveBlocks> {
  const disk = diskBytesOf(reader, signal);
  const layout = await findVolumes(disk);
  const examined: Examined[] = [];
  for (const place of layout.volumes) examined.push(await examineVolume(disk, place));
  const free = subtract(normalize(examined.flatMap((volume) => volume.free)), layout.tableBytes);
  const keep = complement(free, disk.capacityBytes);
  return {
    keep,
    state: stateOf(examined),
    volumes: examined.map(({ report }) => report),
    usedBytes: totalLength(keep),
    readBytes: disk.readBytes(),
    warnings: [...tableWarnings(layout), ...examined.flatMap(({ warning }) => warning ?? [])],
  };
}

function tableWarnings({ problems }: DiskLayout): FilterWarning[] {
  return problems.map((message) => ({ code: 'PARTITION_TABLE_INVALID', message }));
}

function stateOf(examined: readonly Examined[]): ActiveBlocks['state'] {
  const ntfs = examined.filter(({ report }) => report.fileSystem === 'NTFS');
  const filtered = ntfs.filter(({ report }) => report.gate === null);
  if (filtered.length === 0) return 'unfiltered';
  return filtered.length === ntfs.length ? 'filtered' : 'partly';
}

async function examineVolume(disk: DiskBytes, place: VolumePlace): Promise<Examined> {
  const name = nameByRole(place.role);
  if (name !== null) return keepOther(place, name);
  const head = await readPiece(disk, place.startBytes, Math.min(HEAD_BYTES, place.lengthBytes));
  const { fileSystem, rival } = detectFileSystem(head);
  if (fileSystem !== 'NTFS') return keepOther(place, fileSystem);
  if (place.problem !== null) return keepNtfs(place, place.problem);
  if (rival !== null) {
    const reason = `The volume has the signatures of NTFS and of ${rival}`;
    return keepNtfs(place, { gate: 'two-file-systems', reason });
  }
  const bytes = volumeBytesOf(disk, place.startBytes, place.lengthBytes);
  const { free, gate, reason, ...findings } = await examineNtfs(bytes);
  if (gate !== null && reason !== null) return keepNtfs(place, { gate, reason }, findings);
  const report = { ...emptyReport(place, 'NTFS'), ...findings, skippedBytes: totalLength(free) };
  return { report, free, warning: null };
}

/** The name for what the partition table alone tells, or null when the content must tell. */
function nameByRole(role: PartitionRole): string | null {
  if (role === 'any' || role === 'extended' || role === 'protective') return null;
  return role === 'reserved' ? 'Microsoft reserved' : role;
}

function emptyReport({ startBytes, lengthBytes }: VolumePlace, fileSystem: string): VolumeReport {
  const numbers = { clusterBytes: null, usedBytes: null, freeBytes: null, skippedBytes: 0 };
  return { startBytes, lengthBytes, fileSystem, label: null, ...numbers, gate: null, reason: null };
}

function keepOther(place: VolumePlace, fileSystem: string): Examined {
  const report = emptyReport(place, fileSystem);
  const closed = { gate: 'not-ntfs', reason: 'Only NTFS volumes are filtered' };
  return { report: { ...report, ...closed }, free: [], warning: null };
}

function keepNtfs(
  place: VolumePlace,
  closed: { readonly gate: string; readonly reason: string },
  known: Partial<VolumeReport> = {},
): Examined {
  const report = { ...emptyReport(place, 'NTFS'), ...known, ...closed };
  const code = closed.gate === 'structure-invalid' ? 'NTFS_STRUCTURE_INVALID' : 'FILTER_GATE_CLOSED';
  const name = report.label === null ? '' : ` "${report.label}"`;
  const cause = closed.reason.charAt(0).toLowerCase() + closed.reason.slice(1);
  const message = `Cannot filter the NTFS volume${name} at byte ${place.startBytes}: ${cause}`;
  return { report, free: [], warning: { code, message } };
}
