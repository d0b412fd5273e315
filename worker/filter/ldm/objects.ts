/**
 * The objects of a configuration. A volume has components (more than one: a mirror), a component partitions, and a partition lies on
 * a disk. Big endian; N: a number behind a byte with its length, T: a text behind one. All sizes and places are in sectors.
 *
 *   51 volume      N id  T name  T "gen" or "raid5"  T  14 state "ACTIVE"  u8 3 gen, 4 raid5  5 …  u8 flags  N components
 *                  u64 u64 N size …
 *   32 component   N id  T name  T state "ACTIVE"  u8 1 striped, 2 spanned, 3 RAID-5  u32 0  N partitions  u64 u64  N volume  u8 0
 *                  when flag 10: N sectors of a stripe  N columns
 *   33 partition   N id  T name  u32 0  u64  u64 start in the data area  u64 place in the volume  N size  N component  N disk
 *                  when flag 08: N column
 *   34 disk        N id  T name  T GUID …        44 disk  N id  T name  16 GUID …        35, 45 group
 *
 * Source: docs/format/ldm.md, section 4.
 */
import { type Fields } from '../fields.ts';
import { type Configuration, type ConfigurationRecord } from './configuration.ts';
import { guidAt, ldmDamage } from './units.ts';

const VOLUME_FLAGS = 0x02 | 0x08 | 0x20 | 0x80;
/** Bits of a volume's own flags that were seen on volumes without anything unusual. */
const VOLUME_BITS = 0x13;
const COMPONENT_FLAGS = 0x10;
const PARTITION_FLAGS = 0x08 | 0x40;
const ACTIVE = 'ACTIVE';

export interface VolumeObject {
  readonly id: number;
  readonly name: string;
  readonly isRaid5: boolean;
  readonly components: number;
  readonly sectors: number;
  /** Everything that its record says is known, and it is in use as it is. */
  readonly isPlain: boolean;
}

export interface ComponentObject {
  readonly id: number;
  readonly volume: number;
  readonly kind: 'striped' | 'spanned' | 'raid5' | 'unknown';
  readonly partitions: number;
  /** Of striped ones and RAID-5; 0 else. */
  readonly stripeSectors: number;
  readonly columns: number;
  readonly isPlain: boolean;
}

export interface PartitionObject {
  readonly id: number;
  readonly component: number;
  readonly disk: number;
  /** In the data area of the disk. */
  readonly start: number;
  readonly volumeOffset: number;
  readonly sectors: number;
  readonly column: number;
  readonly isPlain: boolean;
}

export interface DiskObject {
  readonly id: number;
  readonly name: string;
  readonly guid: string;
}

export interface LdmObjects {
  readonly volumes: readonly VolumeObject[];
  readonly components: readonly ComponentObject[];
  readonly partitions: readonly PartitionObject[];
  readonly disks: readonly DiskObject[];
}

/**
 * Decodes all records; `at` names the configuration in complaints.
 * @throws AppError `FS_STRUCTURE_INVALID` for an unknown kind of object, a wrong number of them, or an id given twice
 */
export function decodeObjects({ records, counts }: Configuration, at: number): LdmObjects {
  const volumes: VolumeObject[] = [];
  const components: ComponentObject[] = [];
  const partitions: PartitionObject[] = [];
  const disks: DiskObject[] = [];
  for (const record of records) {
    const { type, object } = record;
    if (type === 0x51) volumes.push(decodeVolume(record));
    else if (type === 0x32) components.push(decodeComponent(record));
    else if (type === 0x33) partitions.push(decodePartition(record));
    else if (type === 0x34 || type === 0x44) disks.push(decodeDisk(record));
    else if (type !== 0x35 && type !== 0x45) throw object.damage('it is of an unknown kind', 0);
  }
  const found = [volumes, components, partitions, disks];
  if (found.some(({ length }, i) => length !== counts[i])) {
    throw ldmDamage('configuration', 'it has not as many objects as it says', at);
  }
  const ids = found.flat().map(({ id }) => id);
  if (new Set(ids).size !== ids.length) throw ldmDamage('configuration', 'two objects have the same id', at);
  return { volumes, components, partitions, disks };
}

function decodeVolume({ object, flags }: ConfigurationRecord): VolumeObject {
  const read = readerOf(object);
  const id = read.number();
  const name = read.text();
  const type = read.text();
  read.text();
  const state = read.padded(14);
  const kind = read.u8();
  read.skip(5);
  const bits = read.u8();
  const components = read.number();
  read.skip(16);
  const isRaid5 = kind === 4;
  const isKnown = isRaid5 ? type === 'raid5' : kind === 3 && type === 'gen';
  const isPlain = isKnown && state === ACTIVE && isWithin(bits, VOLUME_BITS) && isWithin(flags, VOLUME_FLAGS);
  return { id, name, isRaid5, components, sectors: read.number(), isPlain };
}

const kinds = new Map([
  [1, 'striped'],
  [2, 'spanned'],
  [3, 'raid5'],
] as const);

function decodeComponent({ object, flags }: ConfigurationRecord): ComponentObject {
  const read = readerOf(object);
  const id = read.number();
  read.text();
  const state = read.text();
  const kind = kinds.get(read.u8() as 1 | 2 | 3) ?? 'unknown';
  const zeros = read.u32();
  const partitions = read.number();
  read.skip(16);
  const volume = read.number();
  read.skip(1);
  const hasColumns = (flags & 0x10) !== 0;
  const stripeSectors = hasColumns ? read.number() : 0;
  const columns = hasColumns ? read.number() : 0;
  const isPlain = state === ACTIVE && zeros === 0 && isWithin(flags, COMPONENT_FLAGS);
  return { id, volume, kind, partitions, stripeSectors, columns, isPlain };
}

function decodePartition({ object, flags }: ConfigurationRecord): PartitionObject {
  const read = readerOf(object);
  const id = read.number();
  read.text();
  const zeros = read.u32();
  read.skip(8);
  return {
    id,
    start: read.u64(),
    volumeOffset: read.u64(),
    sectors: read.number(),
    component: read.number(),
    disk: read.number(),
    column: (flags & 0x08) !== 0 ? read.number() : 0,
    isPlain: zeros === 0 && isWithin(flags, PARTITION_FLAGS),
  };
}

function decodeDisk({ object, type }: ConfigurationRecord): DiskObject {
  const read = readerOf(object);
  const id = read.number();
  const name = read.text();
  return { id, name, guid: type === 0x44 ? read.binaryGuid() : read.guid() };
}

const isWithin = (flags: number, known: number): boolean => (flags & ~known) === 0;

interface ObjectReader {
  u8(): number;
  u32(): number;
  u64(): number;
  number(): number;
  text(): string;
  /** A text of fixed length, filled up with zeros. */
  padded(lengthBytes: number): string;
  guid(): string;
  binaryGuid(): string;
  skip(lengthBytes: number): void;
}

/** Takes the fields of an object one after the other. */
function readerOf(object: Fields): ObjectReader {
  let position = 0;
  const take = (lengthBytes: number): number => {
    object.slice(position, lengthBytes);
    position += lengthBytes;
    return position - lengthBytes;
  };
  const takeCounted = (): { start: number; length: number } => {
    const length = object.u8(take(1));
    return { start: take(length), length };
  };
  return {
    u8: () => object.u8(take(1)),
    u32: () => object.u32be(take(4)),
    u64: () => object.u64be(take(8)),
    number() {
      const { start, length } = takeCounted();
      let value = 0;
      for (const byte of object.slice(start, length)) value = value * 256 + byte;
      if (!Number.isSafeInteger(value)) throw object.damage('a number is out of range', start);
      return value;
    },
    text() {
      const { start, length } = takeCounted();
      return object.ascii(start, length);
    },
    padded: (lengthBytes) => object.ascii(take(lengthBytes), lengthBytes).replace(/\0+$/, ''),
    guid() {
      const { start, length } = takeCounted();
      return guidAt(object, start, length);
    },
    binaryGuid() {
      const hex = Buffer.from(object.slice(take(16), 16)).toString('hex');
      return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    },
    skip: (lengthBytes) => void take(lengthBytes),
  };
}
