/**
 * Active Block Mapping: which bytes of a disk its guest may need. File systems that are known are looked into; everything else —
 * unknown ones, partition tables, gaps, volumes that raise a doubt — is kept as it is.
 *
 *   disk ─▶ partitions/ (where volumes lie) ─▶ ntfs/ … (free bytes of each) ─▶ keep = disk − free
 *   all disks of a machine ─▶ ldm/ (volumes that reach over several of them) ─▶ the same
 *
 * Nothing that a disk holds makes this fail: a doubt is a warning, and the volume is kept whole.
 */
import { invariant } from '../../shared/base/assert.ts';
import { type ExtentSet, complement, normalize, subtract, totalLength } from '../../shared/domain/extent.ts';
import { type BlockReader } from '../ports.ts';
import { type DiskBytes, diskBytesOf } from './disk-bytes.ts';
import { type MappedDisk, examineDynamicDisks } from './dynamic-disks.ts';
import {
  type Examined,
  LVM,
  type VolumeReport,
  examineVolume,
  keepUnknown,
  keepWhole,
  nothingFound,
  placeOf,
  wholePlace,
} from './examine-volume.ts';
import { type FilterOptions, type FilterWarning } from './file-system.ts';
import { NOT_FILTERED } from './gate.ts';
import { findLogicalVolumes } from './lvm/volumes.ts';
import { type DiskLayout, type VolumePlace, findVolumes } from './partitions/volumes.ts';
import { type PlacedVolume, type VolumeBytes, assembledVolume, volumeBytesOf } from './volume-bytes.ts';

export interface ActiveBlocks {
  /** Byte-exact; the whole disk when nothing is filtered. */
  readonly keep: ExtentSet;
  /** Of what is not kept: what no backup may have of one disk when others lack it, as the rows of a RAID-5 beside their parity. */
  readonly droppedTogether: ExtentSet;
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

/**
 * Maps the disk behind `reader` by itself: volumes that reach over other disks are kept whole.
 * @throws as `mapAllActiveBlocks`
 */
export async function mapActiveBlocks(
  reader: BlockReader,
  options: FilterOptions,
  signal: AbortSignal,
): Promise<ActiveBlocks> {
  const [only] = await mapAllActiveBlocks([reader], options, signal);
  invariant(only !== undefined, 'every disk is mapped', {});
  return only;
}

/**
 * Maps the disks of one machine, all at the same moment of its life, in their order; the readers stay open. Volumes are read
 * one after the other; `onDisk` hears of each disk when its turn comes, after the volumes that reach over several.
 * @throws what the transport throws, or the signal's reason; never for what the disks hold
 */
export async function mapAllActiveBlocks(
  readers: readonly BlockReader[],
  options: FilterOptions,
  signal: AbortSignal,
  onDisk?: (index: number) => void,
): Promise<readonly ActiveBlocks[]> {
  const disks: MappedDisk[] = [];
  for (const reader of readers) {
    const disk = diskBytesOf(reader, signal);
    disks.push({ disk, layout: await findVolumes(disk) });
  }
  const dynamic = await examineDynamicDisks(disks, options);
  const found: ActiveBlocks[] = [];
  for (const [index, mapped] of disks.entries()) {
    onDisk?.(index);
    const places = mapped.layout.volumes.filter(({ role }) => role !== 'LDM');
    const own = await examineAll(mapped.disk, places, options);
    const all = [...own, ...(dynamic.get(mapped.disk) ?? [])];
    found.push(
      activeBlocksOf(
        mapped,
        all.toSorted((a, b) => a.report.startBytes - b.report.startBytes),
      ),
    );
  }
  return found;
}

function activeBlocksOf({ disk, layout }: MappedDisk, examined: readonly Examined[]): ActiveBlocks {
  const free = subtract(normalize(examined.flatMap((volume) => volume.free)), layout.tableBytes);
  const keep = complement(free, disk.capacityBytes);
  return {
    keep,
    droppedTogether: subtract(
      normalize(examined.flatMap(({ freeTogether = [] }) => freeTogether)),
      layout.tableBytes,
    ),
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

/** The volumes of the disk alone, logical ones beside those that they lie on; free bytes are those of the disk. */
async function examineAll(
  disk: DiskBytes,
  places: readonly VolumePlace[],
  options: FilterOptions,
): Promise<Examined[]> {
  const examined: Examined[] = [];
  const physical: PlacedVolume[] = [];
  for (const place of places) {
    const bytes = volumeBytesOf(disk, place.startBytes, place.lengthBytes);
    const found = await examineVolume({ place, bytes, name: null }, options);
    if (found === null) physical.push(bytes);
    else examined.push({ ...found, free: bytes.toDisk(found.free) });
  }
  examined.push(...(await examineLvm(disk, physical, options)));
  return examined;
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
    if (gate !== null && gate !== NOT_FILTERED) return keepWhole(place, findings);
    const report = { ...placeOf(place), ...findings, skippedBytes: 0 };
    return { report, free: [], isLookedInto: false, warnings: [] };
  });
  for (const { name, pieces } of logical) {
    const bytes = assembledVolume(disk, pieces);
    const found = await examineVolume({ place: wholePlace(bytes), bytes, name }, options);
    if (found === null) examined.push(keepUnknown(wholePlace(bytes), LVM, name));
    else examined.push({ ...found, free: bytes.toDisk(found.free) });
  }
  return examined;
}
