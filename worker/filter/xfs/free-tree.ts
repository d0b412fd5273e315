/**
 * The trees of free space: one sorted by place, one by size, with the same records. Big endian.
 *
 *   0   "ABTB" by place, "ABTC" by size; version 5: "AB3B", "AB3C"
 *   4   u16 level, 0 = leaf      6  u16 records      8, 12  u32 neighbours left and right
 *   16  version 5: u64 place in units of 512 bytes, 32 UUID, 48 u32 group, 52 u32 CRC-32C (little endian); it ends at 56
 *   …   leaf: records of u32 block of the group, u32 blocks
 *   …   node: room for as many keys of 8 bytes as fit together with as many u32 blocks of children behind them
 *
 * A tree is walked from its root, depth first. Levels fall by one from parent to child and records rise from leaf to leaf, so a tree
 * that bites its own tail is found out before it goes round.
 *
 * Source: docs/format/xfs.md, section 4.
 */
import { type Extent, endOf } from '../../../shared/domain/extent.ts';
import { type Fields, fieldsOf } from '../fields.ts';
import { type VolumeBytes } from '../volume-bytes.ts';
import { type Group } from './group.ts';
import { type Superblock } from './superblock.ts';
import { checkCrc, complainOf, gateClosed, sameBytes, xfsDamage } from './units.ts';

/** Of all trees of a volume: a GiB of 4 KiB blocks. */
const MAX_TREE_BLOCKS = 256 * 1024;
const SHORT_HEADER_BYTES = 16;
const LONG_HEADER_BYTES = 56;
const RECORD_BYTES = 8;
const POINTER_BYTES = 4;

export type TreeKind = 'byPlace' | 'bySize';
const lastLetters: Readonly<Record<TreeKind, string>> = { byPlace: 'B', bySize: 'C' };

export interface TreeWalker {
  /** Records of a tree of `group`, leaf by leaf and in its order: blocks of the group, inside it. */
  leaves(group: Group, kind: TreeKind): AsyncGenerator<readonly Extent[]>;
  /** Blocks of the volume that the trees walked so far fill, in no order. */
  readonly ownBlocks: readonly number[];
}

/** Walks trees of a volume; `maxBlocks` is for tests. */
export function createTreeWalker(
  bytes: VolumeBytes,
  superblock: Superblock,
  maxBlocks = MAX_TREE_BLOCKS,
): TreeWalker {
  const { blockBytes } = superblock.shape;
  const ownBlocks: number[] = [];

  async function readNode(place: TreePlace, block: number, level: number): Promise<Fields> {
    const { group } = place;
    const at = bytes.startBytes + group.start * blockBytes;
    if (block >= group.blocks) {
      throw xfsDamage(`free-space tree of group ${group.number}`, `it names block ${block}`, at);
    }
    if (ownBlocks.length === maxBlocks) {
      throw gateClosed('too-large', 'The trees of free space are larger than is looked into', at);
    }
    ownBlocks.push(group.start + block);
    const raw = new Uint8Array(blockBytes);
    await bytes.readInto((group.start + block) * blockBytes, raw);
    const fields = fieldsOf(raw, at + block * blockBytes, complainOf('block of a free-space tree'));
    checkHeader(superblock, place, { fields, block, level });
    return fields;
  }

  async function* walk(place: TreePlace, block: number, level: number): AsyncGenerator<Extent[]> {
    const fields = await readNode(place, block, level);
    if (level === 0) {
      yield leafRecords(superblock, place, fields);
      return;
    }
    for (const child of childrenOf(superblock, fields)) yield* walk(place, child, level - 1);
  }
  return {
    ownBlocks,
    async *leaves(group, kind) {
      const root = group[kind];
      let last: Extent | null = null;
      for await (const records of walk({ group, kind }, root.block, root.levels - 1)) {
        for (const record of records) {
          if (last !== null && !orders[kind](record, last)) {
            const at = bytes.startBytes + (group.start + record.start) * blockBytes;
            throw xfsDamage(`free-space tree of group ${group.number}`, 'its records are not in order', at);
          }
          last = record;
        }
        yield records;
      }
    },
  };
}

interface TreePlace {
  readonly group: Group;
  readonly kind: TreeKind;
}

/** Runs that touch would be one. */
const orders: Readonly<Record<TreeKind, (next: Extent, last: Extent) => boolean>> = {
  byPlace: (next, last) => next.start > endOf(last),
  bySize: (next, last) =>
    next.length > last.length || (next.length === last.length && next.start > endOf(last)),
};

const headerBytes = (superblock: Superblock): number =>
  superblock.features.hasCrc ? LONG_HEADER_BYTES : SHORT_HEADER_BYTES;

function checkHeader(
  { features, shape, metaUuid }: Superblock,
  { group, kind }: TreePlace,
  { fields, block, level }: { fields: Fields; block: number; level: number },
): void {
  const magic = `AB${features.hasCrc ? '3' : 'T'}${lastLetters[kind]}`;
  if (fields.ascii(0, 4) !== magic) throw fields.damage('it is of another kind', 0);
  if (fields.u16be(4) !== level) throw fields.damage(`it has level ${fields.u16be(4)}, not ${level}`, 4);
  if (!features.hasCrc) return;
  checkCrc(fields, 52);
  const place = ((group.start + block) * shape.blockBytes) / 512;
  const isOwn = fields.u64be(16) === place && fields.u32be(48) === group.number;
  if (!isOwn || !sameBytes(fields.slice(32, 16), metaUuid)) throw fields.damage('it is of another place', 16);
}

function leafRecords(superblock: Superblock, { group, kind }: TreePlace, fields: Fields): Extent[] {
  const first = headerBytes(superblock);
  const count = fields.u16be(6);
  if (count === 0 && group[kind].levels > 1) throw fields.damage('it is an empty leaf', 6);
  const records: Extent[] = [];
  for (let i = 0; i < count; i++) {
    const offset = first + i * RECORD_BYTES;
    const start = fields.u32be(offset);
    const length = fields.u32be(offset + 4);
    if (length === 0 || start + length > group.blocks) {
      throw fields.damage('a record leaves the group', offset);
    }
    records.push({ start, length });
  }
  return records;
}

function* childrenOf(superblock: Superblock, fields: Fields): Generator<number> {
  const first = headerBytes(superblock);
  const room = Math.floor((fields.lengthBytes - first) / (RECORD_BYTES + POINTER_BYTES));
  const count = fields.u16be(6);
  if (count === 0 || count > room) throw fields.damage(`it has ${count} children`, 6);
  for (let i = 0; i < count; i++) {
    yield fields.u32be(first + room * RECORD_BYTES + i * POINTER_BYTES);
  }
}
