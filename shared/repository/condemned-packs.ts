/**
 * Packs that are to go: docs/format/device.md §10. Whoever writes restore points reads them after `begun.json` of its attempt is
 * durable and before it looks for chunks; the order makes sure that either it knows of a pack, or reclaiming waits for it.
 */
import { hasCode } from '../base/errors.ts';
import { MiB } from '../base/units.ts';
import { RECLAIM_FOLDER, condemnedName, condemnedSweepOf } from '../format/names.ts';
import { type Condemned, decodeCondemned } from '../format/reclaim-documents.ts';
import { type Storage } from './storage.ts';

/** More than a million packs. */
const MAX_CONDEMNED_BYTES = 128 * MiB;

/**
 * The ids of all packs that new restore points must not use.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN` for a list that cannot be read: then no chunk of the device may
 *         be used
 */
export async function readCondemnedPacks(storage: Storage): Promise<ReadonlySet<string>> {
  const condemned = new Set<string>();
  for await (const { name } of storage.list(RECLAIM_FOLDER)) {
    const sweepId = condemnedSweepOf(name);
    const document = sweepId === undefined ? undefined : await readCondemned(storage, sweepId);
    for (const { packId } of document?.packs ?? []) condemned.add(packId);
  }
  return condemned;
}

/**
 * What one sweep condemned; undefined when the sweep is over: its packs are gone, or in use again.
 * @throws AppError `FORMAT_INVALID`, `FORMAT_VERSION_UNKNOWN`
 */
export async function readCondemned(storage: Storage, sweepId: string): Promise<Condemned | undefined> {
  try {
    const bytes = await storage.readWhole(condemnedName(sweepId), MAX_CONDEMNED_BYTES);
    return decodeCondemned(bytes, `"${condemnedName(sweepId)}"`);
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
}
