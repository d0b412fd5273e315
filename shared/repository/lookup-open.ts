/** Opens a chunk index: from the cache as far as it goes, from directories for the rest, within the budget of the device. */
import { type Log } from '../base/log.ts';
import { ChunkIndex } from './chunk-index.ts';
import { type OpenDevice } from './device.ts';
import { DirectoryShelf } from './directory-shelf.ts';
import { isOutdated } from './lookup-budget.ts';
import { type LookupCacheFile } from './lookup-cache.ts';
import { type CachedIndex, indexFromCache } from './lookup-from-cache.ts';
import { ROW_GONE } from './lookup-packs.ts';
import { type DamagedPack, type PackListing, type Scan, addPacks, listPacks, refill } from './lookup-scan.ts';

export interface IndexRequest {
  readonly device: OpenDevice;
  readonly signal: AbortSignal;
  readonly cache: LookupCacheFile | undefined;
  readonly budgetOf: (storedBytes: number) => number;
  readonly log: Log;
}

export interface OpenedIndex {
  readonly index: ChunkIndex;
  readonly shelf: DirectoryShelf;
  readonly damagedPacks: readonly DamagedPack[];
  /** What of it the cache file has as it is. */
  readonly saved: IndexSize;
}

export interface IndexSize {
  readonly packs: number;
  readonly records: number;
}

const NOTHING: IndexSize = { packs: 0, records: 0 };

/** @throws AppError when the device cannot be read at all; the signal's reason */
export async function openIndex(request: IndexRequest): Promise<OpenedIndex> {
  const { device, signal, cache, budgetOf } = request;
  const listing = await listPacks(device.storage, signal);
  const cached = cache && (await indexFromCache(cache, listing, budgetOf));
  const opened =
    (cached && (await openCached(request, listing, cached))) ?? (await openAnew(request, listing));
  const { leftOut } = opened.index.choice;
  if (leftOut > 0) {
    const { budgetBytes, tables } = opened.index;
    const fields = { device: device.storage.location, leftOut, known: tables.records, budgetBytes };
    request.log.info('Some chunks are not known for lack of memory: they may be stored again', fields);
  }
  return opened;
}

/** Undefined when the choice of chunks in the cache is not a good one any more. */
async function openCached(
  request: IndexRequest,
  listing: PackListing,
  { index, isRearranged }: CachedIndex,
): Promise<OpenedIndex | undefined> {
  const saved = isRearranged ? NOTHING : { packs: index.packs.rows, records: index.packs.records };
  const scan = scanInto(index, request);
  const rowOf = index.packs.byId();
  await addPacks(scan, listing, (listed) => {
    const row = rowOf(listing.packs.packId(listed));
    return row === undefined || index.packs.has(row, ROW_GONE);
  });
  return isOutdated(index.shortage) ? undefined : { ...scan, saved };
}

async function openAnew(request: IndexRequest, listing: PackListing): Promise<OpenedIndex> {
  const scan = scanInto(new ChunkIndex(request.budgetOf, listing.storedBytes), request);
  await addPacks(scan, listing, () => true);
  if (scan.index.choice.leftOut > 0) await refill(scan);
  return { ...scan, saved: NOTHING };
}

function scanInto(index: ChunkIndex, { device, signal }: IndexRequest): Scan {
  return { device, signal, index, shelf: new DirectoryShelf(), damagedPacks: [] };
}
