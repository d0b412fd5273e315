/**
 * A chunk index from the cache, fitted to what is on the device now: packs that are gone are marked, and when they are many,
 * or the tables are in many pieces, everything is taken over record by record without them.
 */
import { ChunkIndex } from './chunk-index.ts';
import { packsLimit } from './lookup-budget.ts';
import { LookupCache, type LookupCacheFile } from './lookup-cache.ts';
import { LookupPacks, ROW_GONE } from './lookup-packs.ts';
import { type PackListing } from './lookup-scan.ts';
import { recordsIn } from './lookup-tables.ts';

const MAX_GONE_SHARE = 0.25;
const MAX_TABLES = 8;

export interface CachedIndex {
  readonly index: ChunkIndex;
  /** Whether the file is no longer as it should be although nothing is new. */
  readonly isRearranged: boolean;
}

/** The index as of the last save, or undefined when the cache cannot be used. */
export async function indexFromCache(
  file: LookupCacheFile,
  listing: PackListing,
  budgetOf: (storedBytes: number) => number,
): Promise<CachedIndex | undefined> {
  await using cache = await LookupCache.open(file);
  if (cache === undefined) return undefined;
  const liveRecords = markGone(cache.packs, listing.packs);
  const { packs } = cache;
  const isRearranged =
    packs.records - liveRecords > packs.records * MAX_GONE_SHARE || cache.tables.length > MAX_TABLES;
  const live = isRearranged ? liveOf(packs) : { packs, ordinalOf: (ordinal: number) => ordinal };
  const index = new ChunkIndex(budgetOf, listing.storedBytes, live.packs);
  index.resume(cache.choice);
  const records = Math.min(cache.records, live.packs.records);
  if (live.packs.memoryBytes > packsLimit(index.budgetBytes) || records > recordsIn(index.tablesLimit))
    return undefined;
  if (!isRearranged) {
    const isSound = index.takesTables(cache.slots) && (await cache.takeTables(index));
    return isSound ? { index, isRearranged } : undefined;
  }
  index.tables.reserve(records, index.tablesLimit);
  return (await cache.takeRecords(index, live.ordinalOf)) ? { index, isRearranged } : undefined;
}

/** Marks packs that are not on the device as they were; returns how many records the others have. */
function markGone(packs: LookupPacks, listed: LookupPacks): number {
  const rowOf = listed.byId();
  let records = 0;
  for (let row = 0; row < packs.rows; row++) {
    const there = rowOf(packs.packId(row));
    const isThere = there !== undefined && listed.lengthBytes(there) === packs.lengthBytes(row);
    if (isThere) records += packs.recordsOf(row);
    else packs.mark(row, ROW_GONE);
  }
  return records;
}

interface LivePacks {
  readonly packs: LookupPacks;
  /** The new ordinal of a record; undefined when its pack is gone. */
  readonly ordinalOf: (ordinal: number) => number | undefined;
}

function liveOf(packs: LookupPacks): LivePacks {
  const live = new LookupPacks();
  const newRows = new Uint32Array(packs.rows);
  for (let row = 0; row < packs.rows; row++) {
    if (packs.has(row, ROW_GONE)) continue;
    const [packId, lengthBytes, records] = [packs.packId(row), packs.lengthBytes(row), packs.recordsOf(row)];
    newRows[row] = live.append({ packId, lengthBytes, records }) ?? 0;
  }
  return {
    packs: live,
    ordinalOf(ordinal) {
      const record = packs.find(ordinal);
      if (record === undefined || packs.has(record.row, ROW_GONE)) return undefined;
      return live.base(Number(newRows[record.row])) + record.entry;
    },
  };
}
