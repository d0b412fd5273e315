/**
 * Condemning, waiting, removing: steps 4 to 7 of docs/format/device.md §10. A sweep lies on the device, so that the next
 * reclaiming goes on where one had to wait or was cut off.
 */
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { isoTime } from '../../shared/base/clock.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { MiB } from '../../shared/base/units.ts';
import {
  RECLAIM_FOLDER,
  condemnedName,
  packName,
  sweepFolder,
  sweepOf,
  waitsName,
} from '../../shared/format/names.ts';
import {
  type Condemned,
  decodeWaits,
  encodeCondemned,
  encodeWaits,
} from '../../shared/format/reclaim-documents.ts';
import { listAttempts } from '../../shared/repository/attempts.ts';
import { readCondemned } from '../../shared/repository/condemned-packs.ts';
import { type ReclaimContext } from './reclaim-context.ts';

const MAX_WAITS_BYTES = 16 * MiB;
const SWEEP_ID_BYTES = 8;

export interface Sweep {
  readonly sweepId: string;
  readonly packs: readonly string[];
  /** Those under way that may still use its packs. */
  readonly attempts: readonly string[];
}

/** The sweeps of earlier reclaimings, each with the attempts that it still waits for. What is of no sweep any more is removed. */
export async function openSweeps(context: ReclaimContext): Promise<Sweep[]> {
  const { storage } = context.device;
  const ids = new Set<string>();
  for await (const { name } of storage.list(RECLAIM_FOLDER)) {
    const sweepId = sweepOf(name);
    if (sweepId !== undefined) ids.add(sweepId);
  }
  const sweeps: Sweep[] = [];
  for (const sweepId of ids) {
    const condemned = await soundCondemned(context, sweepId);
    if (condemned !== undefined) {
      const packs = condemned.packs.map(({ packId }) => packId);
      sweeps.push({ sweepId, packs, attempts: await waitingFor(context, sweepId) });
    } else if (!context.dryRun) await storage.removeFolder(sweepFolder(sweepId));
  }
  return sweeps;
}

/** Without its list a sweep is given up: its packs are in use again, and nothing of them was promised to anybody. */
async function soundCondemned(context: ReclaimContext, sweepId: string): Promise<Condemned | undefined> {
  try {
    return await readCondemned(context.device.storage, sweepId);
  } catch (error) {
    if (!hasCode(error, 'FORMAT_INVALID')) throw error;
    context.warnings.push({
      code: 'FORMAT_INVALID',
      message: `Sweep ${sweepId} is given up: its list of packs is damaged`,
    });
    return undefined;
  }
}

/** Makes it known that these packs are to go, and finds out who may not know that. */
export async function condemn(context: ReclaimContext, packs: Condemned['packs']): Promise<Sweep> {
  const { device, clock } = context;
  const sweepId = randomBytes(SWEEP_ID_BYTES).toString('hex');
  const createdAt = isoTime(clock.nowMs());
  await device.storage.put(condemnedName(sweepId), encodeCondemned({ sweepId, createdAt, packs }));
  const attempts = await waitingFor(context, sweepId);
  return { sweepId, packs: packs.map(({ packId }) => packId), attempts };
}

/** Attempts under way that began before the packs were condemned; written down when nobody has yet. */
async function waitingFor(context: ReclaimContext, sweepId: string): Promise<string[]> {
  const { storage } = context.device;
  const known = await readWaits(context, sweepId);
  const underWay = (await listAttempts(storage)).filter((attempt) => attempt !== context.attemptId);
  if (known !== undefined) return underWay.filter((attempt) => known.has(attempt));
  if (!context.dryRun) await storage.put(waitsName(sweepId), encodeWaits({ sweepId, attempts: underWay }));
  return underWay;
}

/** A damaged list is none: all that are under way now are waited for then. */
async function readWaits(
  { device, dryRun }: ReclaimContext,
  sweepId: string,
): Promise<ReadonlySet<string> | undefined> {
  const name = waitsName(sweepId);
  try {
    const bytes = await device.storage.readWhole(name, MAX_WAITS_BYTES);
    return new Set(decodeWaits(bytes, `"${name}"`).attempts);
  } catch (error) {
    if (!hasCode(error, 'REPO_OBJECT_MISSING', 'FORMAT_INVALID')) throw error;
    if (!dryRun) await device.storage.remove(name);
    return undefined;
  }
}

/**
 * Removes the packs of a sweep that nobody needs, and then the sweep.
 * @param isNeeded - asked for each pack; such a pack stays, and may be used again
 * @returns the packs that were there and are gone, and their bytes
 */
export async function finishSweep(
  context: ReclaimContext,
  sweep: Sweep,
  isNeeded: (packId: string) => boolean,
): Promise<{ readonly packs: number; readonly bytes: number }> {
  const { device, signal, progress } = context;
  const removed = { packs: 0, bytes: 0 };
  const folders = new Set<string>();
  for (const [i, packId] of sweep.packs.entries()) {
    signal.throwIfAborted();
    if (isNeeded(packId)) continue;
    const bytes = await sizeOf(context, packId);
    if (bytes === undefined) continue;
    await device.storage.remove(packName(packId));
    folders.add(path.posix.dirname(packName(packId)));
    removed.packs++;
    removed.bytes += bytes;
    progress('remove', `packs: ${i + 1} of ${sweep.packs.length}`, 0, 0);
  }
  for (const folder of folders) await device.storage.removeEmptyFolder(folder);
  await device.storage.removeFolder(sweepFolder(sweep.sweepId));
  return removed;
}

async function sizeOf({ device }: ReclaimContext, packId: string): Promise<number | undefined> {
  try {
    return await device.storage.size(packName(packId));
  } catch (error) {
    if (hasCode(error, 'REPO_OBJECT_MISSING')) return undefined;
    throw error;
  }
}
