/**
 * From the places that indexes name to where the records are now. A place whose pack was rewritten is replaced, round by
 * round, by the place that `moved/` gives; what is left unmoved is in use.
 */
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { type MovedRecord } from '../../shared/format/moved-records.ts';
import { type ExternalSort } from '../../shared/repository/external-sort.ts';
import { readMoved } from '../../shared/repository/moved-record.ts';
import { PLACE_BYTES, PLACE_KEY_BYTES, readPlace, rowsByPack, writePackId, writePlace } from './places.ts';
import { type ReclaimContext } from './reclaim-context.ts';

/** As docs/format/device.md §10 bounds it for readers. */
const MAX_HOPS = 16;
export const placeShape = { recordBytes: PLACE_BYTES, keyBytes: PLACE_KEY_BYTES };

export interface Followed {
  /** Places in use, sorted by pack. */
  readonly used: ExternalSort;
  /** Packs whose moved records the points still need. */
  readonly needed: ReadonlySet<string>;
}

/**
 * @param moved - packs with an object in `moved/`
 * @param isThere - whether the pack is on the device
 * @throws AppError `FORMAT_INVALID` for a list that is needed and cannot be read
 */
export async function followMoved(
  context: ReclaimContext,
  named: ExternalSort,
  moved: ReadonlySet<string>,
  isThere: (packId: string) => boolean,
): Promise<Followed> {
  const needed = new Set<string>();
  if (moved.size === 0) return { used: named, needed };
  const used = context.sorts.sort(placeShape);
  let open = named;
  for (let hop = 0; hop <= MAX_HOPS; hop++) {
    const next = context.sorts.sort(placeShape);
    for await (const { packId, rows } of rowsByPack(open.sorted(context.signal))) {
      const goesOn = (record: MovedRecord): boolean =>
        isThere(record.packId) || moved.has(record.packId) || !isThere(packId);
      const records = moved.has(packId) ? await movedOf(context, packId, isThere(packId)) : undefined;
      for (const row of rows) {
        const place = readPlace(row);
        const to = records?.get(place.offset);
        if (to === undefined || !goesOn(to)) await used.add(row);
        else await next.add(movedRow(row, to));
      }
      if (records !== undefined) needed.add(packId);
    }
    if (next.count === 0) return { used, needed };
    open = next;
  }
  throw new AppError('FORMAT_INVALID', 'Cannot follow moved records: they lead in a circle');
}

function movedRow(row: Uint8Array, to: MovedRecord): Uint8Array {
  const { tag, hops } = readPlace(row);
  const next = new Uint8Array(PLACE_BYTES);
  writePackId(next, to.packId);
  writePlace(next, { tag, offset: to.offset, storedLength: to.storedLength, hops: hops + 1 });
  return next;
}

/** A damaged list does not matter while the pack itself is there. */
async function movedOf(
  { device }: ReclaimContext,
  packId: string,
  isThere: boolean,
): Promise<ReadonlyMap<number, MovedRecord> | undefined> {
  try {
    return await readMoved(device.storage, packId);
  } catch (error) {
    if (isThere && hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED'))
      return undefined;
    throw error;
  }
}
