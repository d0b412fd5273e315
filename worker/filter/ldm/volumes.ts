/**
 * Dynamic volumes over the disks of one machine: the copies of the configuration on its disks are read, and where a disk group is complete
 * and at rest and all copies say the same, its volumes are put together. Everything else stays as it is, with the reason.
 *
 *   disks ─▶ private header, configuration ─▶ by group: all there? all the same? ─▶ volumes as plexes over the disks
 *
 * Source: docs/format/ldm.md.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type DiskBytes } from '../disk-bytes.ts';
import { gateOf } from '../gate.ts';
import { type VolumePlace } from '../partitions/volumes.ts';
import { type LdmMember, placeOnDisk, readMember } from './member.ts';
import { type LdmObjects, type PartitionObject, decodeObjects } from './objects.ts';
import { type DiskPiece, type PlexBytes, spannedPlex } from './plex.ts';
import { raid5Plex } from './raid5.ts';
import { type PlexShape, STRIPE_SECTORS, type VolumeShape, shapesOf } from './shapes.ts';
import { stripedPlex } from './stripes.ts';
import { gateClosed, grouped } from './units.ts';

/** Names of disks in a reason. */
const MAX_SHOWN = 5;

/** What a disk belongs to. */
export interface DynamicDisk {
  readonly disk: DiskBytes;
  /** Name of its group; null when that was not found out. */
  readonly group: string | null;
  /** Why all of it is kept; null when the volumes of its group are known. */
  readonly gate: string | null;
  readonly reason: string | null;
}

export interface DynamicVolume {
  /** `group/volume`. */
  readonly name: string;
  /** Where it lies; no two pieces overlap. */
  readonly pieces: readonly DiskPiece[];
  /** Copies of the same content, one or more; null when the volume is kept whole. */
  readonly plexes: readonly PlexBytes[] | null;
  readonly gate: string | null;
  readonly reason: string | null;
}

export interface DynamicFindings {
  readonly disks: readonly DynamicDisk[];
  readonly volumes: readonly DynamicVolume[];
}

/** A disk with an LDM partition, and all its partitions. */
export interface DynamicCandidate {
  readonly disk: DiskBytes;
  readonly places: readonly VolumePlace[];
}

/** Looks into all dynamic disks of a machine; what they hold is never thrown. */
export async function findDynamicVolumes(candidates: readonly DynamicCandidate[]): Promise<DynamicFindings> {
  const members: LdmMember[] = [];
  const disks: DynamicDisk[] = [];
  for (const { disk, places } of candidates) {
    try {
      members.push(await readMember(disk, places));
    } catch (error) {
      disks.push(diskOf(disk, null, closedBy(error)));
    }
  }
  const volumes: DynamicVolume[] = [];
  for (const own of grouped(members, ({ header }) => header.groupGuid).values()) {
    const name = own[0]?.header.groupName ?? '';
    try {
      volumes.push(...volumesOf(own, name));
      disks.push(...own.map(({ disk }) => diskOf(disk, name, { gate: null, reason: null })));
    } catch (error) {
      const closed = closedBy(error);
      disks.push(...own.map(({ disk }) => diskOf(disk, name, closed)));
    }
  }
  return { disks, volumes };
}

type Closed = Pick<DynamicDisk, 'gate' | 'reason'>;

function closedBy(error: unknown): Closed {
  const closed = gateOf(error);
  if (closed === null) throw error;
  return closed;
}

const diskOf = (disk: DiskBytes, group: string | null, closed: Closed): DynamicDisk => ({
  disk,
  group,
  ...closed,
});

/** @throws AppError `FILTER_GATE_CLOSED`, `FS_STRUCTURE_INVALID` when the group as a whole is not to be trusted */
function volumesOf(members: readonly LdmMember[], group: string): DynamicVolume[] {
  const [first] = members;
  if (first === undefined) return [];
  const at = first.header.databaseStart;
  if (members.some(({ configuration }) => configuration.digest !== first.configuration.digest)) {
    const reason = `The disks of the disk group "${group}" do not have the same configuration`;
    throw gateClosed('ldm-copies-differ', reason, at);
  }
  const objects = decodeObjects(first.configuration, at);
  const byDisk = membersByDisk(objects, members, group);
  return shapesOf(objects, at).map((shape) => volumeOf(shape, byDisk, group));
}

/** The member that each disk of the group is, by the disk's id. */
function membersByDisk(
  { disks }: LdmObjects,
  members: readonly LdmMember[],
  group: string,
): ReadonlyMap<number, LdmMember> {
  const byGuid = new Map(members.map((member) => [member.header.diskGuid, member]));
  const at = members[0]?.header.databaseStart ?? 0;
  if (byGuid.size !== members.length) {
    throw gateClosed(
      'ldm-duplicate-disk',
      `Two disks claim to be the same one of the disk group "${group}"`,
      at,
    );
  }
  const missing = disks.filter(({ guid }) => !byGuid.has(guid)).map(({ name }) => name);
  if (missing.length > 0) {
    const shown = missing.slice(0, MAX_SHOWN).join(', ');
    const more = missing.length > MAX_SHOWN ? ` and ${missing.length - MAX_SHOWN} more` : '';
    throw gateClosed(
      'ldm-incomplete',
      `Disks of the disk group "${group}" are not there: ${shown}${more}`,
      at,
    );
  }
  if (members.length !== disks.length) {
    throw gateClosed('ldm-incomplete', `The disk group "${group}" does not know all its disks`, at);
  }
  const known = disks.map(({ id, guid }) => [id, byGuid.get(guid)] as const);
  return new Map(known.flatMap(([id, member]) => (member === undefined ? [] : [[id, member]])));
}

function volumeOf(shape: VolumeShape, byDisk: ReadonlyMap<number, LdmMember>, group: string): DynamicVolume {
  const pieceOf = ({ disk, start, sectors }: PartitionObject): DiskPiece[] => {
    const member = byDisk.get(disk);
    if (member === undefined) return [];
    return [{ disk: member.disk, ...placeOnDisk(member, start * SECTOR_BYTES, sectors * SECTOR_BYTES) }];
  };
  const name = `${group}/${shape.name}`;
  const pieces = shape.partitions.flatMap(pieceOf);
  if (shape.plexes === null) {
    return { name, pieces, plexes: null, gate: 'ldm-not-plain', reason: shape.problem };
  }
  const plexes = shape.plexes.map((plex) => plexBytesOf(plex, plex.partitions.flatMap(pieceOf)));
  return { name, pieces, plexes, gate: null, reason: null };
}

function plexBytesOf({ kind }: PlexShape, pieces: readonly DiskPiece[]): PlexBytes {
  const stripeBytes = STRIPE_SECTORS * SECTOR_BYTES;
  if (kind === 'striped') return stripedPlex(pieces, stripeBytes);
  return kind === 'raid5' ? raid5Plex(pieces, stripeBytes) : spannedPlex(pieces);
}
