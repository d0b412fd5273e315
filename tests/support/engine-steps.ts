/** Everything that may happen to guests and their device, as steps that fast-check draws and leaves out again. */
import fc from 'fast-check';
import { rm, truncate } from 'node:fs/promises';
import { backupTypes } from '../../shared/domain/backup-type.ts';
import { flipByte } from './flip-byte.ts';
import { type EnginePoint } from './engine-backup.ts';
import { breakAndHeal, markOne, verify } from './engine-damage.ts';
import { type EngineWorld, type Guest } from './engine-model.ts';
import { assertSound } from './engine-proof.ts';
import { type GuestDisk } from './guest-disk.ts';

/** What a check after every few steps costs is most of the time. */
const STEPS_PER_CHECK = 6;

/** What the steps of one run have in common. */
export interface EngineRun {
  readonly world: EngineWorld;
  steps: number;
  /** How often each kind of step did anything. */
  readonly done: Map<string, number>;
}

type Step = fc.AsyncCommand<object, EngineRun>;

/** A step that is printed with what was drawn for it; `work` says whether it did anything. */
function stepOf<T>(
  name: string,
  drawn: fc.Arbitrary<T>,
  work: (world: EngineWorld, drawn: T) => unknown,
): fc.Arbitrary<Step> {
  return drawn.map((value) => ({
    check: () => true,
    run: async (_model, run) => {
      if ((await work(run.world, value)) !== false) run.done.set(name, (run.done.get(name) ?? 0) + 1);
      run.steps++;
      if (run.steps % STEPS_PER_CHECK === 0) await assertSound(run.world);
    },
    toString: () => `${name} ${JSON.stringify(value)}`,
  }));
}

const which = fc.nat(99);
/** The first guest has disks of several segments, and most of the work. */
const guest = fc.constantFrom(0, 0, 1);
const disk = fc.constantFrom(0, 0, 0, 1);
/** Few places more often than all others: what is rare is two changes that meet. */
const grains = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ first: fc.constantFrom(0, 4, 8, 22), count: fc.constantFrom(4, 8, 14) }),
  },
  { weight: 1, arbitrary: fc.record({ first: fc.nat(38), count: fc.integer({ min: 1, max: 20 }) }) },
);
const change = fc.oneof(
  fc.record({ disk, grains, kind: fc.nat(9), how: fc.constantFrom('used' as const, 'any' as const) }),
  fc.record({ disk, grains, kind: fc.integer({ min: 1, max: 9 }), how: fc.constant('new' as const) }),
  fc.record({ disk, grains, how: fc.constant('allocate' as const) }),
  fc.record({ disk, grains, how: fc.constant('free' as const) }),
  fc.record({ disk, grains, kind: fc.integer({ min: 1, max: 9 }), how: fc.constant('copy' as const) }),
  fc.record({ disk, grains, how: fc.constantFrom('forget' as const, 'reuse' as const) }),
);
type Change = typeof change extends fc.Arbitrary<infer C> ? C : never;
const changes = fc.array(change, { minLength: 1, maxLength: 4, size: 'max' });

const guestOf = (world: EngineWorld, no: number): Guest => world.guests[no]!;
const diskOf = (world: EngineWorld, no: number, at: { readonly disk: number }): GuestDisk => {
  const { disks } = guestOf(world, no);
  return disks[at.disk % disks.length]!;
};

/** What is given to a file without being written comes to light only when earlier backups left it out. */
function makeChange(world: EngineWorld, no: number, drawn: Change): void {
  const changed = diskOf(world, no, drawn);
  if (drawn.how === 'forget' || drawn.how === 'reuse') {
    changed.forgetCopies(drawn.how === 'forget' ? 'free' : 'file');
    return;
  }
  if (drawn.how === 'copy') {
    changed.writeWithCopies(drawn.grains, drawn.kind, world.tick());
    return;
  }
  if (!('kind' in drawn)) {
    changed.allocate(drawn.grains, drawn.how === 'allocate');
    return;
  }
  if (drawn.how === 'new') changed.allocate(drawn.grains, true);
  changed.write(drawn.grains, drawn.kind, { at: world.tick(), onlyAllocated: drawn.how === 'used' });
}

/** One of all points; undefined when there is none. */
function pick(points: Iterable<EnginePoint>, no: number): EnginePoint | undefined {
  const all = [...points];
  return all[no % Math.max(1, all.length)];
}

const tracking = stepOf('tracking', fc.record({ guest, disk }), (world, at) =>
  diskOf(world, at.guest, at).startTrackingAnew(),
);
const type = fc.constantFrom(...backupTypes, 'incremental' as const, 'incremental' as const);
/** What the job asks of the filter from now on; mostly what it asked before. */
const filter = fc.option(fc.record({ abm: fc.boolean(), dropCopies: fc.boolean() }), { freq: 2 });
const day = fc.record({ guest, changes, filter, type });

/** A day of a guest, and the backup at its end. */
export type Day = typeof day extends fc.Arbitrary<infer D> ? D : never;

export async function liveDay(world: EngineWorld, drawn: Day): Promise<void> {
  for (const one of drawn.changes) makeChange(world, drawn.guest, one);
  Object.assign(guestOf(world, drawn.guest), drawn.filter ?? {});
  await world.backUp(guestOf(world, drawn.guest), drawn.type);
}

/** What was before anything else happens. */
export const someDays: fc.Arbitrary<Day[]> = fc.array(day, { minLength: 3, maxLength: 7, size: 'max' });

const backUp = stepOf('back up', day, liveDay);
const work = stepOf('work', fc.record({ guest, changes }), (world, drawn) => {
  for (const one of drawn.changes) makeChange(world, drawn.guest, one);
});
const begin = stepOf(
  'begin',
  fc.record({ guest, type, isStored: fc.boolean() }),
  async (world, { guest: no, type: asked, isStored }) => {
    await world.begin(guestOf(world, no), asked);
    if (isStored) await world.store(guestOf(world, no));
  },
);
/**
 * Bytes that a point had, that nothing has any more, and that a backup finds on the device again, while reclaiming wants to have
 * the space: before the attempt begins, while it is under way, or when only its seal is missing.
 */
const bringBack = stepOf(
  'bring back',
  fc.record({
    ...{ guest, kind: fc.integer({ min: 10, max: 99 }), sparsePercent: fc.nat(100) },
    ...{ reclaims: fc.integer({ min: 1, max: 2 }), when: fc.constantFrom('before', 'begun', 'stored') },
  }),
  async (world, { guest: no, kind, sparsePercent, reclaims, when }) => {
    const owner = guestOf(world, no);
    const write = (written: number): void =>
      makeChange(world, no, { disk: 0, grains: { first: 4, count: 8 }, kind: written, how: 'new' });
    for (const written of [kind, kind + 100]) {
      write(written);
      await world.backUp(owner, 'full');
    }
    await world.prune({ last: 1 });
    write(kind);
    if (when !== 'before') await world.begin(owner, 'incremental');
    if (when === 'stored') await world.store(owner);
    for (let i = 0; i < reclaims; i++) await world.reclaim(sparsePercent);
    if (when === 'before') await world.backUp(owner, 'incremental');
    else await world.settle(owner, 'seal');
  },
);
const settle = stepOf(
  'settle',
  fc.record({ guest, how: fc.constantFrom('seal' as const, 'discard' as const) }),
  async (world, { guest: no, how }) => {
    if (guestOf(world, no).open === undefined) return false;
    await world.settle(guestOf(world, no), how);
    return true;
  },
);
const consolidate = stepOf('consolidate', which, async (world, no) => {
  const chained = [...world.points.values()].filter(({ baseId }) => baseId !== null);
  const point = pick(chained, no);
  if (point === undefined) return false;
  await world.consolidate(point);
  return true;
});
/** The newest point made full on the device, and the day after it, which must know what that point left out. */
const buildOn = stepOf(
  'build on consolidated',
  fc.record({ before: day, after: day }),
  async (world, days) => {
    const { name } = guestOf(world, days.after.guest);
    await liveDay(world, { ...days.before, guest: days.after.guest });
    const newest = world.newest(name);
    if (newest?.baseId == null) return false;
    await world.consolidate(newest);
    await liveDay(world, days.after);
    return true;
  },
);
const amount = fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined });
const prune = stepOf('prune', fc.record({ last: amount, daily: amount }), (world, policy) =>
  world.prune(policy),
);
const remove = stepOf('remove', which, async (world, no) => {
  const { leaves } = world;
  if (leaves.length === 0) return false;
  await world.remove(leaves[no % leaves.length]!);
  return true;
});
const reclaim = stepOf('reclaim', fc.nat(100), async (world, sparsePercent) => {
  await world.reclaim(sparsePercent);
});
/** What is kept in memory is gone; of the cache on disk something may be left. */
const reopen = stepOf(
  'reopen',
  fc.record({ cache: fc.constantFrom('kept', 'gone', 'cut', 'flipped'), at: fc.nat(4000) }),
  async (world, { cache, at }) => {
    for (const { stream } of world.guests) stream.forgetLookup();
    if (cache === 'gone') await rm(world.cacheFile, { force: true });
    if (cache === 'cut') await truncate(world.cacheFile, at).catch(() => undefined);
    if (cache === 'flipped') await flipByte(world.cacheFile, at);
  },
);
const rebuild = stepOf('rebuild', fc.constant(null), (world) => world.rebuild());
const mark = stepOf('mark', which, (world, no) => markOne(world, no));
const breakOne = stepOf('break', which, (world, no) => breakAndHeal(world, no));
const prove = stepOf('verify', which, async (world, no) => {
  const point = pick(world.points.values(), no);
  if (point === undefined) return false;
  await verify(world, point);
  return true;
});

/** Steps of a run, at most so many; what a backup does is drawn more often than what an operator does. */
export function engineSteps(maxCommands: number): fc.Arbitrary<Iterable<Step>> {
  const often = [
    backUp,
    backUp,
    backUp,
    backUp,
    backUp,
    backUp,
    backUp,
    work,
    reclaim,
    bringBack,
    consolidate,
    buildOn,
    buildOn,
  ];
  const rare = [tracking, begin, settle, prune, remove, reopen, rebuild, mark];
  return fc.commands([...often, ...rare, breakOne, prove], { maxCommands, size: 'max' });
}
