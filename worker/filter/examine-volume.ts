/**
 * One volume, wherever it lies: its file system is told by its first bytes and, where it is one that the filter knows, looked into.
 * What comes out is a line of the report and the bytes of the volume that nobody needs.
 *
 * Nothing that a volume holds makes this fail: a doubt is a warning, and the volume is kept whole.
 */
import { type ExtentSet, totalLength } from '../../shared/domain/extent.ts';
import { examineExfat } from './exfat/volume.ts';
import { examineExt } from './ext/volume.ts';
import {
  type ExamineVolume,
  type ExcludedContent,
  type FileSystemFindings,
  type FilterOptions,
  type FilterWarning,
  type KeptBeyond,
} from './file-system.ts';
import { gateOf } from './gate.ts';
import { examineNtfs } from './ntfs/volume.ts';
import { type PartitionRole } from './partitions/partition.ts';
import { HEAD_BYTES, detectFileSystem } from './partitions/signatures.ts';
import { type VolumePlace } from './partitions/volumes.ts';
import { examineSwap } from './swap/volume.ts';
import { type VolumeBytes } from './volume-bytes.ts';
import { examineXfs } from './xfs/volume.ts';

/** By the name that signatures.ts gives. */
const fileSystems: ReadonlyMap<string, ExamineVolume> = new Map([
  ['NTFS', examineNtfs],
  ['ext2', examineExt],
  ['ext3', examineExt],
  ['ext4', examineExt],
  ['XFS', examineXfs],
  ['exFAT', examineExfat],
  ['swap', examineSwap],
]);

export const LVM = 'LVM2';
const FAT_REASON = 'FAT is small and has no journal: always kept whole';

export interface VolumeReport {
  readonly startBytes: number;
  readonly lengthBytes: number;
  /** `NTFS`, `ext4`, `BitLocker`, `ReFS`, `FAT32`, `LDM` …; `unknown` when nothing is recognised. */
  readonly fileSystem: string;
  /** Null when there is none, or the file system is not looked into. */
  readonly label: string | null;
  readonly clusterBytes: number | null;
  /** As the file system counts; null where it was not asked, or could not tell. */
  readonly usedBytes: number | null;
  readonly freeBytes: number | null;
  /** Bytes that need not be read: 0 when the volume is kept whole. */
  readonly skippedBytes: number;
  /** Free bytes that are kept all the same, and why. */
  readonly kept: readonly KeptBeyond[];
  /** What the job leaves out of it, by path; none when it names nothing. */
  readonly excluded?: readonly ExcludedContent[] | undefined;
  /** Short kebab-case name of what keeps the volume whole; null when it is filtered. */
  readonly gate: string | null;
  /** The same as a sentence. */
  readonly reason: string | null;
}

export interface Examined {
  readonly report: VolumeReport;
  /** Bytes of the volume; empty when it is kept whole. */
  readonly free: ExtentSet;
  /** Of `free`, once it is that of a disk: what is to be dropped on all disks of the volume or on none. */
  readonly freeTogether?: ExtentSet | undefined;
  /** False for what the filter knows nothing of. */
  readonly isLookedInto: boolean;
  readonly warnings: readonly FilterWarning[];
}

/** The place of a volume that no partition table names. */
export const wholePlace = ({
  startBytes,
  lengthBytes,
}: Pick<VolumeBytes, 'startBytes' | 'lengthBytes'>): VolumePlace => {
  return { startBytes, lengthBytes, role: 'any', problem: null };
};

export interface Candidate {
  readonly place: VolumePlace;
  readonly bytes: VolumeBytes;
  /** Of a logical volume, `group/volume`: goes before the label that its file system has. */
  readonly name: string | null;
}

/** Null for a sound physical volume of LVM2. */
export async function examineVolume(
  { place, bytes, name: ownName }: Candidate,
  options: FilterOptions,
): Promise<Examined | null> {
  const known = nameByRole(place.role);
  if (known !== null) return keepUnknown(place, known, ownName);
  const head = await readHead(bytes);
  if ('gate' in head) return keepWhole(place, { ...nothingFound('unknown'), label: ownName, ...head });
  const { fileSystem, rival } = detectFileSystem(head.bytes);
  const examine = fileSystems.get(fileSystem);
  const isLvm = fileSystem === LVM;
  if (examine === undefined && !isLvm) {
    return keepUnknown(place, place.role === LVM ? LVM : fileSystem, ownName);
  }
  const nothing = { ...nothingFound(fileSystem), label: ownName };
  if (place.problem !== null) return keepWhole(place, { ...nothing, ...place.problem });
  if (rival !== null) {
    const reason = `The volume has the signatures of ${fileSystem} and of ${rival}`;
    return keepWhole(place, { ...nothing, gate: 'two-file-systems', reason });
  }
  if (examine === undefined) return null;
  const { free, warnings = [], ...found } = await examine(bytes, options);
  const findings = { ...found, label: ownName ?? found.label };
  if (findings.gate !== null) return keepWhole(place, findings);
  const report = { ...placeOf(place), ...findings, skippedBytes: totalLength(free) };
  const name = nameOf(place, findings);
  const named = warnings.map(({ code, message }) => ({ code, message: `${message}: ${name}` }));
  return { report, free, isLookedInto: true, warnings: named };
}

/** What the volume begins with, or why that cannot be known: a volume over several disks proves what it reads. */
async function readHead(
  bytes: VolumeBytes,
): Promise<{ readonly bytes: Uint8Array } | { readonly gate: string; readonly reason: string }> {
  const head = new Uint8Array(Math.min(HEAD_BYTES, bytes.lengthBytes));
  try {
    await bytes.readInto(0, head);
    return { bytes: head };
  } catch (error) {
    const closed = gateOf(error);
    if (closed === null) throw error;
    return closed;
  }
}

/** The name for what the partition table alone tells, or null when the content must tell. */
function nameByRole(role: PartitionRole): string | null {
  if (role === 'any' || role === 'extended' || role === 'protective' || role === LVM) return null;
  return role === 'reserved' ? 'Microsoft reserved' : role;
}

export type Findings = Omit<FileSystemFindings, 'free' | 'warnings'>;

export function nothingFound(fileSystem: string): Findings {
  const numbers = { clusterBytes: null, usedBytes: null, freeBytes: null };
  return { fileSystem, label: null, ...numbers, kept: [], gate: null, reason: null };
}

export function placeOf({
  startBytes,
  lengthBytes,
}: VolumePlace): Pick<VolumeReport, 'startBytes' | 'lengthBytes'> {
  return { startBytes, lengthBytes };
}

export function keepUnknown(place: VolumePlace, fileSystem: string, label: string | null): Examined {
  const isFat = fileSystem.startsWith('FAT');
  const reason = isFat ? FAT_REASON : 'The filter does not look into this file system';
  const report = {
    ...placeOf(place),
    ...nothingFound(fileSystem),
    label,
    skippedBytes: 0,
    gate: 'not-filtered',
    reason,
  };
  return { report, free: [], isLookedInto: false, warnings: [] };
}

export function keepWhole(place: VolumePlace, findings: Findings): Examined {
  const reason = findings.reason ?? 'It raises a doubt';
  const report = { ...placeOf(place), ...findings, skippedBytes: 0, reason };
  const code = findings.gate === 'structure-invalid' ? 'FS_STRUCTURE_INVALID' : 'FILTER_GATE_CLOSED';
  const cause = reason.charAt(0).toLowerCase() + reason.slice(1);
  const message = `Cannot filter ${nameOf(place, findings)}: ${cause}`;
  return { report, free: [], isLookedInto: true, warnings: [{ code, message }] };
}

/** `the NTFS volume "System" at byte 1048576` */
function nameOf(place: VolumePlace, { fileSystem, label }: Findings): string {
  const name = label === null ? '' : ` "${label}"`;
  return `the ${fileSystem} volume${name} at byte ${place.startBytes}`;
}
