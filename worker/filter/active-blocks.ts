/**
 * Active Block Mapping: which bytes of a disk its guest may need. File systems that are known are looked into; everything else —
 * unknown ones, partition tables, gaps, volumes that raise a doubt — is kept as it is.
 *
 *   disk ─▶ partitions/ (where volumes lie) ─▶ ntfs/ … (free bytes of each) ─▶ keep = disk − free
 *
 * Nothing that a disk holds makes this fail: a doubt is a warning, and the volume is kept whole.
 */
import { type ExtentSet, complement, normalize, subtract, totalLength } from '../../shared/domain/extent.ts';
import { type BlockReader } from '../ports.ts';
import { type DiskBytes, diskBytesOf } from './disk-bytes.ts';
import {
  type ExamineVolume,
  type ExcludedContent,
  type FileSystemFindings,
  type FilterOptions,
  type FilterWarning,
  type KeptBeyond,
} from './file-system.ts';
import { examineExfat } from './exfat/volume.ts';
import { examineExt } from './ext/volume.ts';
import { findLogicalVolumes } from './lvm/volumes.ts';
import { examineNtfs } from './ntfs/volume.ts';
import { type PartitionRole } from './partitions/partition.ts';
import { HEAD_BYTES, detectFileSystem } from './partitions/signatures.ts';
import { type DiskLayout, type VolumePlace, findVolumes } from './partitions/volumes.ts';
import { examineSwap } from './swap/volume.ts';
import { type VolumeBytes, assembledVolume, volumeBytesOf } from './volume-bytes.ts';
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

const LVM = 'LVM2';
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

export interface ActiveBlocks {
  /** Byte-exact; the whole disk when nothing is filtered. */
  readonly keep: ExtentSet;
  /** `partly`: a volume is filtered, and another one that could be had to be kept whole. */
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
  /** Bytes of the disk. */
  readonly free: ExtentSet;
  /** False for what the filter knows nothing of. */
  readonly isLookedInto: boolean;
  readonly warnings: readonly FilterWarning[];
}

/**
 * Maps the disk behind `reader`, which stays open. Volumes are read one after the other.
 * @throws what the transport throws, or the signal's reason; never for what the disk holds
 */
export async function mapActiveBlocks(
  reader: BlockReader,
  options: FilterOptions,
  signal: AbortSignal,
): Promise<ActiveBlocks> {
  const disk = diskBytesOf(reader, signal);
  const layout = await findVolumes(disk);
  const examined = await examineAll(disk, layout.volumes, options);
  const free = subtract(normalize(examined.flatMap((volume) => volume.free)), layout.tableBytes);
  const keep = complement(free, disk.capacityBytes);
  return {
    keep,
    state: stateOf(examined),
    volumes: examined.map(({ report }) => report),
    usedBytes: totalLength(keep),
    readBytes: disk.readBytes(),
    warnings: [...tableWarnings(layout), ...examined.flatMap(({ warnings }) => warnings)],
  };
}

function tableWarnings({ problems }: DiskLayout): FilterWarning[] {
  return problems.map((message) => ({ code: 'PARTITION_TABLE_INVALID', message }));
}

function stateOf(examined: readonly Examined[]): ActiveBlocks['state'] {
  const looked = examined.filter(({ isLookedInto }) => isLookedInto);
  const filtered = looked.filter(({ report }) => report.gate === null);
  if (filtered.length === 0) return 'unfiltered';
  return filtered.length === looked.length ? 'filtered' : 'partly';
}

/** All volumes of the disk by their start, logical ones beside those that they lie on. */
async function examineAll(
  disk: DiskBytes,
  places: readonly VolumePlace[],
  options: FilterOptions,
): Promise<Examined[]> {
  const examined: Examined[] = [];
  const physical: VolumeBytes[] = [];
  for (const place of places) {
    const bytes = volumeBytesOf(disk, place.startBytes, place.lengthBytes);
    const found = await examineVolume({ place, bytes, name: null }, options);
    if (found === null) physical.push(bytes);
    else examined.push(found);
  }
  examined.push(...(await examineLvm(disk, physical, options)));
  return examined.sort((a, b) => a.report.startBytes - b.report.startBytes);
}

/** The physical volumes of LVM2, and the logical ones on them. */
async function examineLvm(
  disk: DiskBytes,
  volumes: readonly VolumeBytes[],
  options: FilterOptions,
): Promise<Examined[]> {
  const { physical, logical } = await findLogicalVolumes(volumes);
  const examined = physical.map(({ bytes, group, gate, reason }): Examined => {
    const place = wholePlace(bytes);
    const findings = { ...nothingFound(LVM), label: group, gate, reason };
    if (gate !== null) return keepWhole(place, findings);
    const report = { ...placeOf(place), ...findings, skippedBytes: 0 };
    return { report, free: [], isLookedInto: false, warnings: [] };
  });
  for (const { name, pieces } of logical) {
    const bytes = assembledVolume(disk, pieces);
    const found = await examineVolume({ place: wholePlace(bytes), bytes, name }, options);
    examined.push(found ?? keepUnknown(wholePlace(bytes), LVM, name));
  }
  return examined;
}

const wholePlace = ({ startBytes, lengthBytes }: VolumeBytes): VolumePlace => {
  return { startBytes, lengthBytes, role: 'any', problem: null };
};

interface Candidate {
  readonly place: VolumePlace;
  readonly bytes: VolumeBytes;
  /** Of a logical volume, `group/volume`: goes before the label that its file system has. */
  readonly name: string | null;
}

/** Null for a sound physical volume of LVM2. */
async function examineVolume(
  { place, bytes, name: ownName }: Candidate,
  options: FilterOptions,
): Promise<Examined | null> {
  const known = nameByRole(place.role);
  if (known !== null) return keepUnknown(place, known, ownName);
  const head = new Uint8Array(Math.min(HEAD_BYTES, place.lengthBytes));
  await bytes.readInto(0, head);
  const { fileSystem, rival } = detectFileSystem(head);
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
  const { free: freeOfVolume, warnings = [], ...found } = await examine(bytes, options);
  const findings = { ...found, label: ownName ?? found.label };
  if (findings.gate !== null) return keepWhole(place, findings);
  const free = bytes.toDisk(freeOfVolume);
  const report = { ...placeOf(place), ...findings, skippedBytes: totalLength(free) };
  const name = nameOf(place, findings);
  const named = warnings.map(({ code, message }) => ({ code, message: `${message}: ${name}` }));
  return { report, free, isLookedInto: true, warnings: named };
}

/** The name for what the partition table alone tells, or null when the content must tell. */
function nameByRole(role: PartitionRole): string | null {
  if (role === 'any' || role === 'extended' || role === 'protective' || role === LVM) return null;
  return role === 'reserved' ? 'Microsoft reserved' : role;
}

type Findings = Omit<FileSystemFindings, 'free' | 'warnings'>;

function nothingFound(fileSystem: string): Findings {
  const numbers = { clusterBytes: null, usedBytes: null, freeBytes: null };
  return { fileSystem, label: null, ...numbers, kept: [], gate: null, reason: null };
}

function placeOf({ startBytes, lengthBytes }: VolumePlace): Pick<VolumeReport, 'startBytes' | 'lengthBytes'> {
  return { startBytes, lengthBytes };
}

function keepUnknown(place: VolumePlace, fileSystem: string, label: string | null): Examined {
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

function keepWhole(place: VolumePlace, findings: Findings): Examined {
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
