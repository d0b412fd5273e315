/**
 * Dynamic volumes of a machine, looked into as one volume each, and what was found told disk by disk: every disk gets a line for each
 * volume that lies on it, in part or whole.
 *
 * Of a mirror all halves are looked into, and only what all of them call free is dropped: halves may differ where the machine was
 * writing, or one of them be out of date, and the guest may read any of them.
 */
import { invariant } from '../../shared/base/assert.ts';
import { type ExtentSet, intersect, totalLength } from '../../shared/domain/extent.ts';
import { type DiskBytes } from './disk-bytes.ts';
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
import { type FilterOptions, type KeptBeyond } from './file-system.ts';
import { type DiskExtents, type PlexBytes } from './ldm/plex.ts';
import { type DynamicDisk, type DynamicVolume, findDynamicVolumes } from './ldm/volumes.ts';
import { type DiskLayout } from './partitions/volumes.ts';

const LDM = 'LDM';

export interface MappedDisk {
  readonly disk: DiskBytes;
  readonly layout: DiskLayout;
}

/** What was found on each dynamic disk, its LDM partitions included; free bytes are those of the disk. */
export async function examineDynamicDisks(
  disks: readonly MappedDisk[],
  options: FilterOptions,
): Promise<ReadonlyMap<DiskBytes, readonly Examined[]>> {
  const dynamic = disks.filter(({ layout }) =>
    layout.volumes.some(({ role }) => role === LDM || role === 'LDM metadata'),
  );
  const { disks: found, volumes } = await findDynamicVolumes(
    dynamic.map(({ disk, layout }) => ({ disk, places: layout.volumes })),
  );
  const byDisk = new Map(dynamic.map((mapped) => [mapped.disk, partitionsOf(mapped, found)]));
  for (const volume of volumes) {
    for (const [disk, examined] of await examineDynamic(volume, options)) byDisk.get(disk)?.push(examined);
  }
  return byDisk;
}

/** The LDM partitions themselves. What keeps the disk whole is one warning, however many there are. */
function partitionsOf({ disk, layout }: MappedDisk, found: readonly DynamicDisk[]): Examined[] {
  const { group = null, gate = null, reason = null } = found.find((each) => each.disk === disk) ?? {};
  const places = layout.volumes.filter(({ role }) => role === LDM);
  const findings = { ...nothingFound(LDM), label: group, gate, reason };
  return places.map((place, index) => {
    if (gate === null) {
      const report = { ...placeOf(place), ...findings, skippedBytes: 0 };
      return { report, free: [], isLookedInto: false, warnings: [] };
    }
    const kept = keepWhole(place, findings);
    return index === 0 ? kept : { ...kept, warnings: [] };
  });
}

/** One volume as each of its disks sees it; its warnings are told once. */
async function examineDynamic(
  volume: DynamicVolume,
  options: FilterOptions,
): Promise<ReadonlyMap<DiskBytes, Examined>> {
  const { examined, dropped } = await lookInto(volume, options);
  const disks = [...new Set(volume.pieces.map(({ disk }) => disk))];
  return new Map(
    disks.map((disk, index) => {
      const free = dropped.get(disk) ?? [];
      const report = { ...reportOn(disk, volume, examined.report), skippedBytes: totalLength(free) };
      const own = { ...examined, free, freeTogether: hasParity(volume) ? free : [] };
      if (index === 0) return [disk, { ...own, report }];
      return [disk, { ...own, report: { ...report, kept: [], excluded: undefined }, warnings: [] }];
    }),
  );
}

const hasParity = ({ plexes }: DynamicVolume): boolean =>
  plexes?.some(({ dataShare }) => dataShare < 1) === true;

interface Looked {
  readonly examined: Examined;
  readonly dropped: DiskExtents;
}

async function lookInto(volume: DynamicVolume, options: FilterOptions): Promise<Looked> {
  const { name, pieces, plexes, gate, reason } = volume;
  if (plexes === null) {
    const [{ start, length } = { start: 0, length: 0 }] = pieces;
    const place = wholePlace({ startBytes: start, lengthBytes: length });
    const findings = { ...nothingFound(LDM), label: name, gate, reason };
    return { examined: keepWhole(place, findings), dropped: new Map() };
  }
  const halves: Examined[] = [];
  for (const bytes of plexes) {
    const place = wholePlace(bytes);
    const found = await examineVolume({ place, bytes, name }, options);
    halves.push(found ?? keepUnknown(place, LVM, name));
  }
  const [first] = halves;
  invariant(first !== undefined, 'a volume has a plex', { name });
  const closed = halves.find(({ report }) => report.gate !== null);
  if (closed !== undefined) return { examined: closed, dropped: new Map() };
  const free = halves.map((half) => half.free).reduce((all, other) => intersect(all, other));
  const dropped = new Map(plexes.flatMap((plex) => [...plex.dropOf(free)]));
  const kept = [...first.report.kept, ...keptBeside(first.free, free, { plexes, dropped })];
  return { examined: { ...first, report: { ...first.report, kept } }, dropped };
}

/** What is free for the file system, and kept for what lies beside it. */
function keptBeside(
  ofFirst: ExtentSet,
  ofAll: ExtentSet,
  { plexes, dropped }: { readonly plexes: readonly PlexBytes[]; readonly dropped: DiskExtents },
): KeptBeyond[] {
  const [plex] = plexes;
  const droppedBytes = [...dropped.values()].reduce((sum, extents) => sum + totalLength(extents), 0);
  const share = plexes.length > 1 ? 1 / plexes.length : (plex?.dataShare ?? 1);
  return [
    { why: 'in use in another half of the mirror', bytes: totalLength(ofFirst) - totalLength(ofAll) },
    {
      why: 'in a row of the RAID-5 that is in use',
      bytes: totalLength(ofAll) - Math.round(droppedBytes * share),
    },
  ].filter(({ bytes }) => bytes > 0);
}

/** The line of one disk: its part of the volume. What the file system counts is told where all of it lies there. */
function reportOn(disk: DiskBytes, { pieces, plexes }: DynamicVolume, report: VolumeReport): VolumeReport {
  const own = pieces.filter((piece) => piece.disk === disk);
  const startBytes = Math.min(...own.map(({ start }) => start));
  const lengthBytes = own.reduce((sum, { length }) => sum + length, 0);
  const isWhole = plexes?.every((plex) => plex.lengthBytes === lengthBytes) === true;
  const counts = isWhole ? {} : { usedBytes: null, freeBytes: null };
  return { ...report, startBytes, lengthBytes, ...counts };
}
