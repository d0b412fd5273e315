/**
 * The story of one reclaiming, top to bottom; docs/flows/reclaiming.md tells why in this order.
 *
 *   1 packs, then attempts, then sweeps of earlier times: whom each waits for
 *   2 mark: the indexes of every restore point, places followed through `moved/`
 *   3 earlier sweeps that wait for nobody: their packs go
 *   4 choose: packs without a record in use, and sparse ones
 *   5 rewrite the sparse ones     6 condemn     7 when nobody is waited for: look at new points, remove
 */
import { AppError } from '../../shared/base/errors.ts';
import { MAX_REPORT_LIST, type ReclaimReport } from '../../shared/contract/device-report.ts';
import { type DiskIndex, REF_BYTES, refsOf } from '../../shared/format/disk-index.ts';
import { listAttempts, readAttempt } from '../../shared/repository/attempts.ts';
import { readDamageMarks } from '../../shared/repository/damage-marks.ts';
import { type ExternalSort } from '../../shared/repository/external-sort.ts';
import { listMoved, readMoved } from '../../shared/repository/moved-record.ts';
import { type Choice, choosePacks } from './choose-packs.ts';
import { findTwins, taggedRow, taggedShape } from './find-twins.ts';
import { type Followed, followMoved, placeShape } from './follow-moved.ts';
import { type Census, countUse, listPacks } from './pack-census.ts';
import { PLACE_BYTES, writePackId, writePlace } from './places.ts';
import { PointsReader } from './read-points.ts';
import { type ReclaimContext } from './reclaim-context.ts';
import { type Rewritten, bytesToCopy, rewritePacks } from './rewrite-packs.ts';
import { type Sweep, condemn, finishSweep, openSweeps } from './sweeps.ts';
import { mayCopyRefs, removeMarks, removeMoved, removeUnfinished } from './tidy.ts';

/** Kinds of attempts beside which none is made. */
const ALONE = ['reclaim', 'repair'];

export interface Reclaimed {
  readonly report: Omit<ReclaimReport, 'leftAlone'>;
  readonly copiedBytes: number;
  readonly writtenBytes: number;
}

/** What was found, in the order that makes it safe. */
interface Found {
  readonly census: Census;
  readonly attempts: ReadonlySet<string>;
  readonly mayTidy: boolean;
  readonly sweeps: readonly Sweep[];
  readonly moved: ReadonlySet<string>;
  readonly marks: ReadonlySet<string>;
}

/**
 * @throws AppError `RECLAIM_POINT_UNREADABLE`, `RECLAIM_TOO_DAMAGED`, `DEVICE_IN_USE` while another reclaiming is under way,
 *         or what the storage says; the device is sound then and the next reclaiming goes on
 */
export async function reclaim(context: ReclaimContext): Promise<Reclaimed> {
  const points = new PointsReader(context);
  const survey = await context.watch.during('mark', () => takeSurvey(context, points));
  const { found, choice, ready } = survey;
  const { report, marked } = survey;
  if (context.dryRun) return { report, copiedBytes: 0, writtenBytes: 0 };
  await context.watch.during('remove', async () => {
    const isNeeded = (packId: string): boolean => (found.census.packs.get(packId)?.liveBytes ?? 0) > 0;
    for (const sweep of ready) add(report.removed, await finishSweep(context, sweep, isNeeded));
  });
  const rewritten = await context.watch.during('rewrite', () =>
    rewritePacks(context, { ...marked, choice, census: found.census, marks: found.marks }),
  );
  const sweep = await context.watch.during('condemn', () => condemnAll(context, choice, rewritten));
  const waiting = found.sweeps.filter(({ attempts }) => attempts.length > 0);
  if (sweep !== undefined && sweep.attempts.length > 0) waiting.push(sweep);
  await context.watch.during('remove', async () => {
    if (sweep?.attempts.length === 0) add(report.removed, await removeAtOnce(context, points, sweep));
    await tidy(context, points, { ...found, needed: marked.needed });
  });
  const done = { ...report, points: points.points, waiting: listWaiting(found.census, waiting) };
  done.sparse = { ...done.sparse, copiedBytes: rewritten.copiedBytes };
  return { report: done, ...rewritten };
}

interface Survey {
  readonly found: Found;
  readonly marked: Followed & { readonly twins: ExternalSort };
  /** Sweeps of earlier times that wait for nobody. */
  readonly ready: readonly Sweep[];
  readonly choice: Choice;
  readonly report: Reclaimed['report'];
}

/** Changes nothing of what is in use: steps 1, 2 and 4. */
async function takeSurvey(context: ReclaimContext, points: PointsReader): Promise<Survey> {
  const found = await look(context);
  const followed = await mark(context, points, found);
  const twins = await count(context, followed.used, found);
  const condemned = new Set(found.sweeps.flatMap(({ packs }) => packs));
  const ready = found.sweeps.filter(({ attempts }) => attempts.length === 0);
  const leaving = new Set(ready.flatMap(({ packs }) => packs));
  const choice = await choosePacks(context, { ...found, condemned, leaving });
  const report = reportOf(context, found, { choice, leaving, points: points.points });
  return { found, marked: { ...followed, twins }, ready, choice, report };
}

/** Nobody is waited for, but points may have been sealed since the mark. */
async function removeAtOnce(
  context: ReclaimContext,
  points: PointsReader,
  sweep: Sweep,
): Promise<Readonly<PacksAndBytes>> {
  const inUse = await usedByNewPoints(context, points, new Set(sweep.packs));
  return finishSweep(context, sweep, (packId) => inUse.has(packId));
}

/** @throws AppError `DEVICE_IN_USE`: of two reclaimings that begin at once both may give way */
export async function refuseSecond({ device, attemptId }: ReclaimContext): Promise<void> {
  for (const other of await listAttempts(device.storage)) {
    if (other === attemptId) continue;
    const attempt = await readAttempt(device.storage, other);
    if (attempt === undefined || !ALONE.includes(attempt.kind)) continue;
    const { kind, startedAt, runId } = attempt;
    const message = `Cannot reclaim space of "${device.storage.location}": attempt ${other} (${kind}) works on all of it since ${startedAt}`;
    throw new AppError('DEVICE_IN_USE', message, { attemptId: other, runId });
  }
}

/** Packs before attempts before points: whoever wrote a pack of the list is under way, or its point is sealed. */
async function look(context: ReclaimContext): Promise<Found> {
  const { storage } = context.device;
  const packs = await listPacks(storage);
  const attempts = new Set(await listAttempts(storage));
  attempts.delete(context.attemptId);
  return {
    census: { packs, wanted: new Set() },
    attempts,
    mayTidy: !(await mayCopyRefs(context)),
    sweeps: await openSweeps(context),
    moved: await listMoved(storage),
    marks: await readDamageMarks(storage),
  };
}

async function mark(context: ReclaimContext, points: PointsReader, found: Found): Promise<Followed> {
  await context.sorts.requireSpace(Math.floor((await points.indexBytes()) / REF_BYTES));
  const named = context.sorts.sort(placeShape);
  const row = new Uint8Array(PLACE_BYTES);
  await points.readNew(async (index) => {
    for (const { id, packId, offset, storedLength } of refsOf(index)) {
      writePackId(row, packId);
      writePlace(row, { tag: id, offset, storedLength, hops: 0 });
      await named.add(row);
    }
  });
  return followMoved(context, named, found.moved, (packId) => found.census.packs.has(packId));
}

/** Counts what is in use per pack; gives the records for which another one can stand in. */
async function count(context: ReclaimContext, used: ExternalSort, found: Found): Promise<ExternalSort> {
  const { census, marks, sweeps } = found;
  const condemned = new Set(sweeps.flatMap(({ packs }) => packs));
  const tagged = context.sorts.sort(taggedShape);
  await countUse(context, used, { census, marks }, async (packId, row) => {
    if (!condemned.has(packId)) await tagged.add(taggedRow(row));
  });
  return findTwins(context, tagged, census);
}

async function condemnAll(
  context: ReclaimContext,
  { unused }: Choice,
  rewritten: Rewritten,
): Promise<Sweep | undefined> {
  const packs = [
    ...[...unused].map((packId) => ({ packId, reason: 'unused' as const })),
    ...[...rewritten.packs].map((packId) => ({ packId, reason: 'rewritten' as const })),
  ];
  if (packs.length === 0) return undefined;
  context.progress('condemn', `${packs.length} packs`, 0, 0);
  return condemn(context, packs);
}

/** Packs of a sweep that points use which were sealed since the mark, and whose records have not moved. */
async function usedByNewPoints(
  context: ReclaimContext,
  points: PointsReader,
  condemned: ReadonlySet<string>,
): Promise<ReadonlySet<string>> {
  const inUse = new Set<string>();
  await points.readNew(async (index) => {
    for (const packId of index.packs) {
      if (condemned.has(packId) && !inUse.has(packId) && !(await hasMovedFrom(context, index, packId))) {
        inUse.add(packId);
      }
    }
  });
  return inUse;
}

/** Whether all that an index names of a pack is elsewhere too. */
async function hasMovedFrom({ device }: ReclaimContext, index: DiskIndex, packId: string): Promise<boolean> {
  const moved = await readMoved(device.storage, packId);
  if (moved === undefined) return false;
  for (const ref of refsOf(index)) if (ref.packId === packId && !moved.has(ref.offset)) return false;
  return true;
}

async function tidy(
  context: ReclaimContext,
  points: PointsReader,
  found: Found & { readonly needed: ReadonlySet<string> },
): Promise<void> {
  await removeMarks(context);
  await removeUnfinished(context);
  if (!found.mayTidy || found.moved.size === 0 || (await mayCopyRefs(context))) return;
  const named = new Set<string>();
  await points.readNew((index) => {
    for (const packId of index.packs) if (found.moved.has(packId)) named.add(packId);
    return Promise.resolve();
  });
  // where these lead to was not followed: next time
  if (named.size === 0) await removeMoved(context, found.moved, found.needed);
}

interface PacksAndBytes {
  packs: number;
  bytes: number;
}

function add(sum: PacksAndBytes, more: Readonly<PacksAndBytes>): void {
  sum.packs += more.packs;
  sum.bytes += more.bytes;
}

function reportOf(
  { dryRun }: ReclaimContext,
  { census, sweeps }: Found,
  how: { readonly choice: Choice; readonly leaving: ReadonlySet<string>; readonly points: number },
) {
  const { choice, leaving, points } = how;
  const sum = (ids: Iterable<string>): PacksAndBytes => sumOf(census, ids);
  let liveBytes = 0;
  for (const pack of census.packs.values()) liveBytes += pack.liveBytes;
  const useless = [...leaving].filter((packId) => (census.packs.get(packId)?.liveBytes ?? 0) === 0);
  const waiting = dryRun ? sweeps.filter(({ attempts }) => attempts.length > 0) : [];
  return {
    ...{ kind: 'reclaim' as const, dryRun, points, liveBytes },
    found: sum(census.packs.keys()),
    unused: sum([...choice.unused, ...useless]),
    sparse: { ...sum(choice.sparse), copiedBytes: bytesToCopy(choice, census) },
    removed: { packs: 0, bytes: 0 },
    waiting: listWaiting(census, waiting),
  };
}

function listWaiting(census: Census, sweeps: readonly Sweep[]): ReclaimReport['waiting'] {
  return sweeps.slice(0, MAX_REPORT_LIST).map(({ sweepId, packs, attempts }) => ({
    sweepId,
    ...sumOf(census, packs),
    attempts: attempts.slice(0, MAX_REPORT_LIST),
  }));
}

function sumOf({ packs }: Census, ids: Iterable<string>): PacksAndBytes {
  const sum = { packs: 0, bytes: 0 };
  for (const packId of ids) {
    const pack = packs.get(packId);
    if (pack !== undefined) add(sum, { packs: 1, bytes: pack.lengthBytes });
  }
  return sum;
}
