/**
 * Logical volumes of LVM2: which bytes of the disk each of them is made of. Only plain ones of groups that are complete on this disk
 * are found; all others, and what lies outside logical volumes, stay as they are.
 *
 *   physical volumes of the disk ─▶ label, newest metadata ─▶ by group: all there? ─▶ logical volumes as extents of the disk
 *
 * Source: docs/format/linux.md, section 2.
 */
import { type Extent, normalize, totalLength } from '../../../shared/domain/extent.ts';
import { NOT_FILTERED, gateOf } from '../gate.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Piece, type VolumeGroup, decodeGroup } from './group.ts';
import { LABEL_SECTORS, type PhysicalLabel, decodeLabel } from './label.ts';
import { readMetadataText } from './metadata-area.ts';
import { parseText } from './text.ts';
import { gateClosed, lvmDamage } from './units.ts';

/** Names of volumes in a reason. */
const MAX_SHOWN = 5;

/** A logical volume as it lies on the disk. */
export interface LogicalPlace {
  /** `group/volume`. */
  readonly name: string;
  /** In the order of the volume. */
  readonly pieces: readonly Extent[];
}

/** What a physical volume belongs to. */
export interface PhysicalFindings {
  readonly bytes: VolumeBytes;
  /** Name of its group; null when that was not found out. */
  readonly group: string | null;
  /** Why it is kept whole, or what of it; null when all of its logical volumes are known. */
  readonly gate: string | null;
  readonly reason: string | null;
}

export interface LvmFindings {
  /** In the order in which they were given. */
  readonly physical: readonly PhysicalFindings[];
  readonly logical: readonly LogicalPlace[];
}

interface Member {
  readonly bytes: VolumeBytes;
  readonly label: PhysicalLabel;
  /** The newest metadata on it; null when it has none. */
  readonly group: VolumeGroup | null;
  /** It has room for metadata, and none was ever there: nobody has put it into a group. */
  readonly isBlank: boolean;
}

/** Looks into all physical volumes of a disk; what they hold is never thrown. */
export async function findLogicalVolumes(volumes: readonly VolumeBytes[]): Promise<LvmFindings> {
  const members: Member[] = [];
  const failed = new Map<VolumeBytes, PhysicalFindings>();
  for (const bytes of volumes) {
    try {
      members.push(await readMember(bytes));
    } catch (error) {
      failed.set(bytes, findingsOf(bytes, null, error));
    }
  }
  const logical: LogicalPlace[] = [];
  const found = new Map(failed);
  const groups = newestGroups(members);
  for (const group of groups) {
    const own = members.filter((member) => isOf(group, member));
    try {
      checkClaims(groups, own);
      logical.push(...placeVolumes(group, own));
      const doubt = notLinear(group);
      for (const { bytes } of own) found.set(bytes, { bytes, group: group.name, ...doubt });
    } catch (error) {
      for (const { bytes } of own) found.set(bytes, findingsOf(bytes, group.name, error));
    }
  }
  for (const { bytes, isBlank } of members)
    if (!found.has(bytes)) found.set(bytes, withoutGroup(bytes, isBlank));
  return { physical: volumes.flatMap((bytes) => found.get(bytes) ?? []), logical };
}

function findingsOf(bytes: VolumeBytes, group: string | null, error: unknown): PhysicalFindings {
  const closed = gateOf(error);
  if (closed === null) throw error;
  return { bytes, group, ...closed };
}

/** One that waits to be put into a group is nothing to warn of. */
function withoutGroup(bytes: VolumeBytes, isBlank: boolean): PhysicalFindings {
  if (isBlank) {
    const reason = 'The physical volume is in no volume group yet';
    return { bytes, group: null, gate: NOT_FILTERED, reason };
  }
  const reason = 'The physical volume belongs to no volume group that this disk describes';
  return { bytes, group: null, gate: 'lvm-incomplete', reason };
}

async function readMember(bytes: VolumeBytes): Promise<Member> {
  const head = new Uint8Array(Math.min(LABEL_SECTORS * 512, bytes.lengthBytes));
  await bytes.readInto(0, head);
  const label = decodeLabel(head, bytes.startBytes);
  let group: VolumeGroup | null = null;
  let isBlank = label.metadataAreas.length > 0;
  for (const area of label.metadataAreas) {
    const text = await readMetadataText(bytes, area);
    isBlank &&= text === 'blank';
    if (typeof text === 'string') continue;
    const decoded = decodeGroup(parseText(text.text, text.at), text.at);
    if (group === null || decoded.sequence > group.sequence) group = decoded;
  }
  return { bytes, label, group, isBlank };
}

const isOf = (group: VolumeGroup, { label }: Member): boolean =>
  group.physicalVolumes.some(({ uuid }) => uuid === label.uuid);

/** @throws AppError `FS_STRUCTURE_INVALID` when one of the members is in two groups */
function checkClaims(groups: readonly VolumeGroup[], members: readonly Member[]): void {
  for (const member of members) {
    if (groups.filter((group) => isOf(group, member)).length === 1) continue;
    throw lvmDamage('metadata', 'two volume groups claim the same physical volume', member.bytes.startBytes);
  }
}

/** The newest metadata of each group that any member holds. */
function newestGroups(members: readonly Member[]): VolumeGroup[] {
  const byUuid = new Map<string, VolumeGroup>();
  for (const { group } of members) {
    if (group === null) continue;
    const known = byUuid.get(group.uuid);
    if (known === undefined || group.sequence > known.sequence) byUuid.set(group.uuid, group);
  }
  return [...byUuid.values()];
}

/** @throws AppError `FILTER_GATE_CLOSED` for a group that is not complete or not ordinary, `FS_STRUCTURE_INVALID` for damage */
function placeVolumes(group: VolumeGroup, members: readonly Member[]): LogicalPlace[] {
  const at = members[0]?.bytes.startBytes ?? 0;
  const isComplete =
    group.physicalVolumes.every(({ isMissing }) => !isMissing) &&
    group.physicalVolumes.length === members.length &&
    new Set(members.map(({ label }) => label.uuid)).size === members.length;
  if (!isComplete) {
    throw gateClosed('lvm-incomplete', `Not all of the volume group "${group.name}" lies on this disk`, at);
  }
  if (!group.isOrdinary) {
    throw gateClosed('lvm-not-linear', `The volume group "${group.name}" has an unknown status`, at);
  }
  const places = group.logicalVolumes.flatMap(({ name, pieces }) =>
    pieces === null
      ? []
      : [{ name: `${group.name}/${name}`, pieces: pieces.map((piece) => placePiece(group, members, piece)) }],
  );
  const extents = places.flatMap(({ pieces }) => pieces);
  if (totalLength(normalize(extents)) !== extents.reduce((sum, { length }) => sum + length, 0)) {
    throw lvmDamage('metadata', 'two logical volumes claim the same bytes', at);
  }
  return places;
}

/** Names the volumes that are kept because they are not plain, and what belongs to them. */
function notLinear({ logicalVolumes }: VolumeGroup): Pick<PhysicalFindings, 'gate' | 'reason'> {
  const names = logicalVolumes.filter(({ pieces }) => pieces === null).map(({ name }) => name);
  if (names.length === 0) return { gate: null, reason: null };
  const shown = names.slice(0, MAX_SHOWN).join(', ');
  const more = names.length > MAX_SHOWN ? ` and ${names.length - MAX_SHOWN} more` : '';
  return { gate: 'lvm-not-linear', reason: `Logical volumes that are not linear are kept: ${shown}${more}` };
}

/** Where a piece lies on the disk. */
function placePiece(group: VolumeGroup, members: readonly Member[], piece: Piece): Extent {
  const physical = group.physicalVolumes.find(({ name }) => name === piece.physical);
  const member = members.find(({ label }) => label.uuid === physical?.uuid);
  if (physical === undefined || member === undefined) throw lvmDamage('metadata', 'a volume is nowhere', 0);
  const start = physical.startBytes + piece.firstExtent * group.extentBytes;
  const length = piece.extents * group.extentBytes;
  const isInside = piece.extents <= physical.extents - piece.firstExtent;
  if (!isInside || !(length <= member.bytes.lengthBytes - start)) {
    throw lvmDamage('metadata', 'a logical volume leaves its physical one', member.bytes.startBytes);
  }
  return { start: member.bytes.startBytes + start, length };
}
