/**
 * A volume group as its metadata describes it: physical volumes in extents, and logical volumes as segments of them.
 *
 *   group { id, seqno, status = [ … ], extent_size (sectors),
 *     physical_volumes { pv0 { id, status, pe_start (sectors), pe_count } … }
 *     logical_volumes { name { status, segment_count, segment1 { start_extent, extent_count, type, stripe_count,
 *                                                                  stripes = [ "pv0", first extent, … ] } … } … } }
 *
 * A logical volume is plain when it is visible, no other one mentions it — pools, snapshots and mirrors name the volumes they
 * stand on — and all its segments lie in one piece on a physical volume.
 *
 * Source: docs/format/linux.md, section 2.
 */
import { SECTOR_BYTES } from '../../../shared/base/units.ts';
import { type Section, type Value } from './text.ts';
import { lvmDamage } from './units.ts';

export interface PhysicalVolume {
  /** In the metadata: `pv0`. */
  readonly name: string;
  /** 32 characters, without dashes. */
  readonly uuid: string;
  readonly isMissing: boolean;
  /** Where its first extent begins, in bytes from its own start. */
  readonly startBytes: number;
  readonly extents: number;
}

/** Extents in a row on one physical volume. */
export interface Piece {
  readonly physical: string;
  readonly firstExtent: number;
  readonly extents: number;
}

export interface LogicalVolume {
  readonly name: string;
  /** In its order; null when it is not plain. */
  readonly pieces: readonly Piece[] | null;
}

export interface VolumeGroup {
  readonly name: string;
  readonly uuid: string;
  readonly sequence: number;
  readonly extentBytes: number;
  /** Everything its status says is known: it may be looked into. */
  readonly isOrdinary: boolean;
  readonly physicalVolumes: readonly PhysicalVolume[];
  readonly logicalVolumes: readonly LogicalVolume[];
}

const MAX_SEGMENTS = 10_000;
const knownGroupStatus = ['RESIZEABLE', 'READ', 'WRITE'];
const knownVolumeStatus = ['READ', 'WRITE', 'VISIBLE', 'FIXED_MINOR'];
const plainTypes = ['striped', 'linear'];

/**
 * Decodes the parsed metadata that lies at `at` on the disk.
 * @throws AppError `FS_STRUCTURE_INVALID` when a part is missing or cannot be
 */
export function decodeGroup(root: Section, at: number): VolumeGroup {
  const [entry, ...others] = root.sections;
  if (entry === undefined || others.length > 0)
    throw lvmDamage('metadata', 'it has not one volume group', at);
  const [name, section] = entry;
  const read = readerOf(at);
  const sectors = read.number(section, 'extent_size');
  if (sectors === 0) throw lvmDamage('metadata', 'extents have no size', at);
  const logical = [...(section.sections.get('logical_volumes')?.sections ?? [])];
  const pvs = new Map(section.sections.get('physical_volumes')?.sections);
  const mentioned = mentionedNames(logical.map(([, volume]) => volume));
  return {
    name,
    uuid: read.text(section, 'id'),
    sequence: read.number(section, 'seqno'),
    extentBytes: sectors * SECTOR_BYTES,
    isOrdinary: read.isKnown(section, knownGroupStatus),
    physicalVolumes: [...pvs].map(([pv, volume]) => ({
      name: pv,
      uuid: read.text(volume, 'id').replaceAll('-', ''),
      isMissing:
        read.texts(volume, 'flags').includes('MISSING') || read.texts(volume, 'status').includes('MISSING'),
      startBytes: read.number(volume, 'pe_start') * SECTOR_BYTES,
      extents: read.number(volume, 'pe_count'),
    })),
    logicalVolumes: logical.map(([lv, volume]) => {
      const isPlain = !mentioned.has(lv) && isVisible(read, volume);
      const pieces = isPlain ? decodePieces(read, volume, at) : null;
      return {
        name: lv,
        pieces: pieces?.every(({ physical }) => pvs.has(physical)) === true ? pieces : null,
      };
    }),
  };
}

interface Reader {
  number(section: Section, name: string): number;
  text(section: Section, name: string): string;
  /** Empty when there is no such list. */
  texts(section: Section, name: string): string[];
  /** True when status and flags say nothing but these. */
  isKnown(section: Section, known: readonly string[]): boolean;
}

function readerOf(at: number): Reader {
  const number = (section: Section, name: string): number => {
    const value = section.values.get(name);
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw lvmDamage('metadata', `"${name}" is no number`, at);
  };
  const text = (section: Section, name: string): string => {
    const value = section.values.get(name);
    if (typeof value === 'string') return value;
    throw lvmDamage('metadata', `"${name}" is no string`, at);
  };
  const texts = (section: Section, name: string): string[] => listOf(section.values.get(name)).map(String);
  return {
    number,
    text,
    texts,
    isKnown: (section, known) =>
      texts(section, 'status').every((word) => known.includes(word)) && texts(section, 'flags').length === 0,
  };
}

const listOf = (value: Value | undefined): readonly (string | number)[] =>
  value === undefined ? [] : typeof value === 'object' ? value : [value];

/** Every string in the segments: names of physical volumes, and of logical ones that others stand on. */
function mentionedNames(volumes: readonly Section[]): ReadonlySet<string> {
  const names = new Set<string>();
  for (const volume of volumes) {
    for (const segment of volume.sections.values()) collectTexts(segment, names);
  }
  return names;
}

function collectTexts({ values, sections }: Section, names: Set<string>): void {
  for (const value of values.values()) {
    for (const item of listOf(value)) if (typeof item === 'string') names.add(item);
  }
  for (const section of sections.values()) collectTexts(section, names);
}

function isVisible(read: Reader, volume: Section): boolean {
  return read.texts(volume, 'status').includes('VISIBLE') && read.isKnown(volume, knownVolumeStatus);
}

/** The pieces in their order, or null when a segment is of another kind. */
function decodePieces(read: Reader, volume: Section, at: number): Piece[] | null {
  const count = read.number(volume, 'segment_count');
  if (count === 0 || count > MAX_SEGMENTS || count !== volume.sections.size) {
    throw lvmDamage('metadata', 'a logical volume lacks segments', at);
  }
  const pieces: Piece[] = [];
  let next = 0;
  for (let i = 1; i <= count; i++) {
    const segment = volume.sections.get(`segment${i}`);
    if (segment === undefined) throw lvmDamage('metadata', 'a logical volume lacks segments', at);
    const extents = read.number(segment, 'extent_count');
    if (read.number(segment, 'start_extent') !== next || extents === 0) {
      throw lvmDamage('metadata', 'segments of a logical volume do not follow each other', at);
    }
    next += extents;
    if (!plainTypes.includes(read.text(segment, 'type'))) return null;
    const [physical, firstExtent, ...more] = listOf(segment.values.get('stripes'));
    const isOne = typeof physical === 'string' && typeof firstExtent === 'number' && more.length === 0;
    if (!isOne || read.number(segment, 'stripe_count') !== 1) return null;
    if (!(Number.isSafeInteger(firstExtent) && firstExtent >= 0)) {
      throw lvmDamage('metadata', 'a segment begins at no possible extent', at);
    }
    pieces.push({ physical, firstExtent, extents });
  }
  return pieces;
}
