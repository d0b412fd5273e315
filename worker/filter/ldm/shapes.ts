/**
 * What the volumes of a disk group are made of: each has one plex, a mirrored one several with the same content; a plex joins its
 * partitions one behind the other, in stripes, or as RAID-5. A volume that is anything else gets a reason instead.
 *
 * Source: docs/format/ldm.md, section 5.
 */
import { type ComponentObject, type LdmObjects, type PartitionObject, type VolumeObject } from './objects.ts';
import { grouped, ldmDamage } from './units.ts';

/** The only one that Windows makes: 64 KiB. */
export const STRIPE_SECTORS = 128;

export interface PlexShape {
  readonly kind: 'spanned' | 'striped' | 'raid5';
  /** In the order of the volume, or of the columns. */
  readonly partitions: readonly PartitionObject[];
}

export interface VolumeShape {
  readonly name: string;
  readonly sectors: number;
  /** All its partitions. */
  readonly partitions: readonly PartitionObject[];
  /** Null when it is not understood. */
  readonly plexes: readonly PlexShape[] | null;
  /** Why not, as a sentence. */
  readonly problem: string | null;
}

/**
 * The shapes of all volumes; `at` names the configuration in complaints.
 * @throws AppError `FS_STRUCTURE_INVALID` when an object belongs to none, or two partitions claim the same sectors
 */
export function shapesOf(objects: LdmObjects, at: number): VolumeShape[] {
  checkReferences(objects, at);
  checkOverlaps(objects.partitions, at);
  const partitions = grouped(objects.partitions, ({ component }) => component);
  const components = grouped(objects.components, ({ volume }) => volume);
  return objects.volumes.map((volume) => {
    const own = (components.get(volume.id) ?? []).map((component) => ({
      component,
      partitions: partitions.get(component.id) ?? [],
    }));
    const problem = problemOf(volume, own);
    const { name, sectors } = volume;
    const plexes = problem === null ? own.map(plexOf) : null;
    return { name, sectors, partitions: own.flatMap((part) => part.partitions), plexes, problem };
  });
}

function checkReferences({ volumes, components, partitions, disks }: LdmObjects, at: number): void {
  const idsOf = (objects: readonly { readonly id: number }[]): Set<number> =>
    new Set(objects.map(({ id }) => id));
  const volumeIds = idsOf(volumes);
  const componentIds = idsOf(components);
  const diskIds = idsOf(disks);
  const isWhole =
    components.every(({ volume }) => volumeIds.has(volume)) &&
    partitions.every(({ component, disk }) => componentIds.has(component) && diskIds.has(disk));
  if (!isWhole) throw ldmDamage('configuration', 'an object belongs to one that is not there', at);
}

function checkOverlaps(partitions: readonly PartitionObject[], at: number): void {
  for (const own of grouped(partitions, ({ disk }) => disk).values()) {
    let reach = 0;
    for (const { start, sectors } of own.toSorted((a, b) => a.start - b.start)) {
      if (start < reach) throw ldmDamage('configuration', 'two partitions claim the same sectors', at);
      reach = start + sectors;
    }
  }
}

interface Component {
  readonly component: ComponentObject;
  readonly partitions: readonly PartitionObject[];
}

function plexOf({ component: { kind }, partitions }: Component): PlexShape {
  if (kind === 'striped' || kind === 'raid5') {
    return { kind, partitions: partitions.toSorted((a, b) => a.column - b.column) };
  }
  return { kind: 'spanned', partitions: partitions.toSorted((a, b) => a.volumeOffset - b.volumeOffset) };
}

/** Why a volume is not understood; null when it is. */
function problemOf(volume: VolumeObject, components: readonly Component[]): string | null {
  const isPlain =
    volume.isPlain &&
    components.every(
      ({ component, partitions }) => component.isPlain && partitions.every((partition) => partition.isPlain),
    );
  if (!isPlain) return 'It is not in ordinary use, or its record has unknown marks';
  const isWhole =
    components.length > 0 &&
    components.length === volume.components &&
    components.every(
      ({ component, partitions }) => partitions.length > 0 && partitions.length === component.partitions,
    );
  if (!isWhole) return 'It lacks parts';
  const isMixed = components.some(({ component: { kind } }) => {
    if (volume.isRaid5 || kind === 'raid5')
      return !volume.isRaid5 || kind !== 'raid5' || components.length > 1;
    return kind === 'unknown' || (kind === 'striped' && components.length > 1);
  });
  if (isMixed) return 'Its parts are joined in an unknown way';
  return components.every((component) => fills(component, volume.sectors))
    ? null
    : 'Its parts do not add up to it';
}

/** True when the partitions of a component make up exactly `sectors`. */
function fills({ component, partitions }: Component, sectors: number): boolean {
  return component.kind === 'spanned'
    ? followEachOther(partitions, sectors)
    : areColumns({ component, partitions }, sectors);
}

function followEachOther(partitions: readonly PartitionObject[], sectors: number): boolean {
  let next = 0;
  for (const part of partitions.toSorted((a, b) => a.volumeOffset - b.volumeOffset)) {
    if (part.volumeOffset !== next || part.sectors === 0) return false;
    next += part.sectors;
  }
  return next === sectors;
}

function areColumns({ component, partitions }: Component, sectors: number): boolean {
  const columns = partitions.length;
  const parity = component.kind === 'raid5' ? 1 : 0;
  const length = partitions[0]?.sectors ?? 0;
  const numbers = new Set(partitions.map(({ column }) => column));
  return (
    component.columns === columns &&
    columns >= 2 + parity &&
    component.stripeSectors === STRIPE_SECTORS &&
    length % STRIPE_SECTORS === 0 &&
    partitions.every((part) => part.sectors === length && part.volumeOffset === 0 && part.column < columns) &&
    numbers.size === columns &&
    (columns - parity) * length === sectors
  );
}
