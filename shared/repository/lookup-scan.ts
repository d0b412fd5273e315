/** Fills a chunk index from a device: from the directory of each pack, or from its records where that is damaged. */
import { type AppError, hasCode, isAppError } from '../base/errors.ts';
import { PACKS_FOLDER, packIdOf } from '../format/names.ts';
import { type PackEntry } from '../format/pack-directory.ts';
import { type ChunkIndex } from './chunk-index.ts';
import { type OpenDevice } from './device.ts';
import { type DirectoryShelf, entriesIn } from './directory-shelf.ts';
import { forEachLimit } from './lanes.ts';
import { LookupPacks, ROW_PROVEN } from './lookup-packs.ts';
import { type PackPlace, readDirectory, recoverDirectory } from './pack-directories.ts';
import { type Storage } from './storage.ts';

const DIRECTORIES_IN_FLIGHT = 8;

/** A pack whose directory could not be read: only chunks that were proven one by one are known of it. */
export interface DamagedPack {
  readonly packId: string;
  readonly error: AppError;
}

/** All packs of a device at one moment, without their records. */
export interface PackListing {
  readonly packs: LookupPacks;
  readonly storedBytes: number;
}

export interface Scan {
  readonly device: OpenDevice;
  readonly signal: AbortSignal;
  readonly index: ChunkIndex;
  readonly shelf: DirectoryShelf;
  readonly damagedPacks: DamagedPack[];
}

/** @throws AppError when the device cannot be listed; the signal's reason */
export async function listPacks(storage: Storage, signal: AbortSignal): Promise<PackListing> {
  const packs = new LookupPacks();
  let storedBytes = 0;
  for await (const { name, lengthBytes } of storage.list(PACKS_FOLDER)) {
    signal.throwIfAborted();
    const packId = packIdOf(name);
    if (packId === undefined) continue;
    packs.append({ packId, lengthBytes, records: 0 });
    storedBytes += lengthBytes;
  }
  return { packs, storedBytes };
}

/**
 * Adds packs of the listing; where the memory does not do, the largest chunks of all.
 * @throws AppError when the device cannot be read at all; the signal's reason
 */
export async function addPacks(
  scan: Scan,
  listing: PackListing,
  isWanted: (row: number) => boolean,
): Promise<void> {
  const { index, shelf, damagedPacks } = scan;
  await forEachLimit(rowsOf(listing.packs, isWanted), DIRECTORIES_IN_FLIGHT, async (listed) => {
    scan.signal.throwIfAborted();
    const pack = placeAt(listing.packs, listed);
    const { entries, error } = await contentsOf(scan, pack);
    if (error !== undefined) damagedPacks.push({ packId: pack.packId, error });
    if (entries.length === 0) return;
    const row = index.addPack(pack, entries);
    if (row === undefined || error === undefined) return;
    index.packs.mark(row, ROW_PROVEN);
    shelf.hold(row, entries);
  });
}

/** Reads all directories once more, to let in the largest chunks alone. */
export async function refill(scan: Scan): Promise<void> {
  const { index, shelf } = scan;
  await index.refill(() =>
    forEachLimit(
      rowsOf(index.packs, () => true),
      DIRECTORIES_IN_FLIGHT,
      async (row) => {
        scan.signal.throwIfAborted();
        const entries = index.packs.has(row, ROW_PROVEN)
          ? entriesIn(shelf.get(row) ?? new Uint8Array())
          : await directoryOrNothing(scan, placeAt(index.packs, row));
        if (entries.length === index.packs.recordsOf(row)) index.fillPack(row, entries);
      },
    ),
  );
}

function* rowsOf(packs: LookupPacks, isWanted: (row: number) => boolean): Generator<number> {
  for (let row = 0; row < packs.rows; row++) if (isWanted(row)) yield row;
}

function placeAt(packs: LookupPacks, row: number): PackPlace {
  return { packId: packs.packId(row), lengthBytes: packs.lengthBytes(row) };
}

interface PackContents {
  readonly entries: readonly PackEntry[];
  /** Why the directory was not used. */
  readonly error?: AppError;
}

async function contentsOf({ device, signal }: Scan, pack: PackPlace): Promise<PackContents> {
  let damage: AppError;
  try {
    return { entries: await readDirectory(device.storage, pack) };
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return { entries: [] };
    if (!isDamage(error)) throw error;
    damage = error;
  }
  try {
    return { entries: await recoverDirectory(device, pack, signal), error: damage };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { entries: [], error: damage };
  }
}

/** What became unreadable since it was read is not known any more. */
async function directoryOrNothing({ device }: Scan, pack: PackPlace): Promise<readonly PackEntry[]> {
  try {
    return await readDirectory(device.storage, pack);
  } catch (error) {
    if (isUnreadable(error)) return [];
    throw error;
  }
}

/** Whether a pack is gone or damaged, as against a device that does not answer. */
export function isUnreadable(error: unknown): boolean {
  return isDamage(error) || hasCode(error, 'REPO_OBJECT_MISSING');
}

function isDamage(error: unknown): error is AppError {
  return isAppError(error) && hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED');
}
