/** Every pack of the device and what of it is in use. Counts only; which records they are stays in the sorts. */
import { PACKS_FOLDER, packIdOf, packName } from '../../shared/format/names.ts';
import { CHUNK_HEADER_BYTES, PACK_HEADER_BYTES, decodePackHeader } from '../../shared/format/pack.ts';
import { toHex } from '../../shared/format/hash.ts';
import { AppError, hasCode } from '../../shared/base/errors.ts';
import { isMarked } from '../../shared/repository/damage-marks.ts';
import { type ExternalSort } from '../../shared/repository/external-sort.ts';
import { type Storage } from '../../shared/repository/storage.ts';
import { readPlace, rowsByPack } from './places.ts';
import { type ReclaimContext } from './reclaim-context.ts';

/** A record that has moved so often stays where it is, so that readers, who follow it 16 times, find it. */
const MAX_HOPS_TO_MOVE = 12;
/** More lost chunks than this are a case for a repair, not for bookkeeping. */
const MAX_WANTED = 100_000;

export interface PackUse {
  readonly lengthBytes: number;
  /** Records in use, with their headers. */
  liveBytes: number;
  /** Of these, what is in use elsewhere too. */
  twinBytes: number;
  hops: number;
}

export type Fate = 'kept' | 'unused' | 'sparse';

export interface Census {
  readonly packs: ReadonlyMap<string, PackUse>;
  /** Tags of chunks in use that are damaged or gone where they should be: other records with them are needed. */
  readonly wanted: Set<string>;
}

export async function listPacks(storage: Storage): Promise<Map<string, PackUse>> {
  const packs = new Map<string, PackUse>();
  for await (const { name, lengthBytes } of storage.list(PACKS_FOLDER)) {
    const packId = packIdOf(name);
    if (packId !== undefined) packs.set(packId, { lengthBytes, liveBytes: 0, twinBytes: 0, hops: 0 });
  }
  return packs;
}

/**
 * Counts what is in use, and gives `onSound` each place that can be read.
 * @throws AppError `RECLAIM_TOO_DAMAGED`
 */
export async function countUse(
  context: ReclaimContext,
  used: ExternalSort,
  how: { readonly census: Census; readonly marks: ReadonlySet<string> },
  onSound: (packId: string, row: Uint8Array) => Promise<void>,
): Promise<void> {
  const { packs, wanted } = how.census;
  for await (const { packId, rows } of rowsByPack(used.sorted(context.signal))) {
    const pack = packs.get(packId);
    for (const row of rows) {
      const { offset, storedLength, tag, hops } = readPlace(row);
      if (pack !== undefined) {
        pack.liveBytes += CHUNK_HEADER_BYTES + storedLength;
        pack.hops = Math.max(pack.hops, hops);
      }
      if (pack !== undefined && !isMarked(how.marks, { packId, offset })) await onSound(packId, row);
      else addWanted(wanted, toHex(tag));
    }
  }
}

function addWanted(wanted: Set<string>, tag: string): void {
  if (wanted.size >= MAX_WANTED) {
    const message = 'Cannot reclaim space: too many chunks are lost to keep what may stand in for them';
    throw new AppError('RECLAIM_TOO_DAMAGED', message, { chunks: wanted.size });
  }
  wanted.add(tag);
}

/** What is to become of a pack by what of it is in use. */
export function fateOf(pack: PackUse, sparsePercent: number): Fate {
  if (pack.liveBytes === 0) return 'unused';
  const needed = pack.liveBytes - pack.twinBytes;
  const isSparse = needed * 100 < pack.lengthBytes * sparsePercent && pack.hops < MAX_HOPS_TO_MOVE;
  return isSparse ? 'sparse' : 'kept';
}

/**
 * Whether an attempt that is under way wrote the pack: it will be in use soon. A header that cannot be read may be of any.
 * @param attempts - all that were under way after the packs were listed
 */
export async function isOfAttempt(
  storage: Storage,
  packId: string,
  attempts: ReadonlySet<string>,
): Promise<boolean> {
  if (attempts.size === 0) return false;
  const bytes = new Uint8Array(PACK_HEADER_BYTES);
  try {
    const length = await storage.readRange(packName(packId), 0, bytes);
    return attempts.has(decodePackHeader(bytes.subarray(0, length), `pack ${packId}`).attemptId);
  } catch (error) {
    if (hasCode(error, 'FORMAT_INVALID', 'FORMAT_VERSION_UNKNOWN', 'REPO_READ_FAILED')) return true;
    throw error;
  }
}
