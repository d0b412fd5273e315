/** Records with the same chunk in several places that are all in use: one stays, for the others it can stand in. */
import { toHex } from '../../shared/format/hash.ts';
import { CHUNK_HEADER_BYTES, PACK_ID_BYTES } from '../../shared/format/pack.ts';
import { type ExternalSort } from '../../shared/repository/external-sort.ts';
import { type Census, fateOf } from './pack-census.ts';
import { PLACE_BYTES, PLACE_KEY_BYTES, TAG_BYTES, TWIN_BYTES, readPlace, writeTwin } from './places.ts';
import { type ReclaimContext } from './reclaim-context.ts';

/** By tag: the tag and then the place. */
export const taggedShape = { recordBytes: TAG_BYTES + PLACE_BYTES, keyBytes: TAG_BYTES + PLACE_KEY_BYTES };

export function taggedRow(row: Uint8Array): Uint8Array {
  const tagged = new Uint8Array(taggedShape.recordBytes);
  tagged.set(row.subarray(20, 20 + TAG_BYTES));
  tagged.set(row, TAG_BYTES);
  return tagged;
}

/**
 * The places that another one can stand in for, with that one, sorted by pack. `census` learns how much that is, and that
 * chunks with a sound place are not wanted.
 */
export async function findTwins(
  context: ReclaimContext,
  tagged: ExternalSort,
  census: Census,
): Promise<ExternalSort> {
  const twins = context.sorts.sort({ recordBytes: TWIN_BYTES, keyBytes: PLACE_KEY_BYTES });
  let group: Uint8Array[] = [];
  let tag = '';
  const close = async (): Promise<void> => {
    if (group.length > 0) census.wanted.delete(tag);
    if (group.length > 1) await addTwins(context, group, census, twins);
    group = [];
  };
  for await (const row of tagged.sorted(context.signal)) {
    const next = toHex(row.subarray(0, TAG_BYTES));
    if (next !== tag) await close();
    tag = next;
    group.push(row.slice(TAG_BYTES));
  }
  await close();
  return twins;
}

async function addTwins(
  context: ReclaimContext,
  group: readonly Uint8Array[],
  { packs }: Census,
  twins: ExternalSort,
): Promise<void> {
  const packOf = (row: Uint8Array): string => toHex(row.subarray(0, PACK_ID_BYTES));
  const isKept = (row: Uint8Array): boolean => {
    const pack = packs.get(packOf(row));
    return pack !== undefined && fateOf(pack, context.sparsePercent) === 'kept';
  };
  const stays = group.find(isKept) ?? group[0];
  if (stays === undefined) return;
  const { offset, storedLength } = readPlace(stays);
  const twin = new Uint8Array(TWIN_BYTES);
  writeTwin(twin, { packId: packOf(stays), offset, storedLength });
  for (const row of group) {
    if (row === stays) continue;
    twin.set(row);
    await twins.add(twin);
    const pack = packs.get(packOf(row));
    if (pack !== undefined) pack.twinBytes += CHUNK_HEADER_BYTES + readPlace(row).storedLength;
  }
}
