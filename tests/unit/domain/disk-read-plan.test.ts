/**
 * A guest on a disk of few blocks: it allocates, writes, frees and gives freed blocks to files without writing them again. Backups
 * of any type, filtered or not, follow it; after each one, every block that the guest uses must be right in the chain.
 */
import { assert } from 'chai';
import fc from 'fast-check';
import { type ExtentSet, normalize, wholeOf } from '../../../shared/domain/extent.ts';
import { type ExtentMap, checkExtentMap, select } from '../../../shared/domain/extent-map.ts';
import { planDiskRead, withoutBase } from '../../../shared/domain/disk-read-plan.ts';

const BLOCKS = 12;

interface Step {
  readonly writes: readonly number[];
  /** Blocks in use from now on: freely chosen, so that a block may come into use without a write. */
  readonly used: readonly number[];
  readonly type: 'full' | 'incremental' | 'differential';
  readonly abm: boolean;
}

/** What a point stores: its map, and the content of the blocks it read. */
interface Point {
  readonly map: ExtentMap;
  readonly content: ReadonlyMap<number, number>;
  readonly base: Point | null;
  /** The version of each block when its snapshot was made. */
  readonly versions: readonly number[];
}

const anyBlocks = fc.uniqueArray(fc.nat(BLOCKS - 1), { maxLength: BLOCKS });
const anySteps = fc.array(
  fc.record({
    writes: anyBlocks,
    used: anyBlocks,
    type: fc.constantFrom<Step['type']>('full', 'incremental', 'differential'),
    abm: fc.boolean(),
  }),
  { minLength: 1, maxLength: 8 },
);

const setOf = (blocks: Iterable<number>): ExtentSet =>
  normalize([...blocks].map((start) => ({ start, length: 1 })));

const blocksOf = (set: ExtentSet): number[] =>
  set.flatMap(({ start, length }) => Array.from({ length }, (_, i) => start + i));

const changedSince = (base: Point, now: readonly number[]): ExtentSet =>
  setOf(now.flatMap((version, block) => (version === base.versions[block] ? [] : [block])));

function backup(step: Step, base: Point | null, now: readonly number[]): Point {
  const keep = step.abm ? setOf(step.used) : wholeOf(BLOCKS);
  const knownZero =
    base === null ? setOf(now.flatMap((version, block) => (version === 0 ? [block] : []))) : [];
  const common = { capacityBytes: BLOCKS, keep, knownZero };
  const plan = planDiskRead(
    base === null
      ? withoutBase(common)
      : { ...common, changed: changedSince(base, now), droppedBefore: select(base.map, 'free') },
  );
  checkExtentMap(plan.map);
  assert.deepEqual(select(plan.map, 'data'), plan.read);
  assert.deepEqual(select(plan.map, 'free'), plan.dropped);
  const content = new Map(blocksOf(plan.read).map((block) => [block, now[block] ?? 0]));
  return { map: plan.map, content, base, versions: now };
}

/** The block as a restore of this point makes it; undefined where it is dropped. */
function restored(point: Point | null, block: number): number | undefined {
  if (point === null) throw new Error('the chain has no end');
  const kind = point.map.runs.find((run) => run.start <= block && block < run.start + run.length)?.kind;
  if (kind === 'same') return restored(point.base, block);
  return kind === 'zero' ? 0 : point.content.get(block);
}

describe('planDiskRead', () => {
  it('keeps every block that the guest uses right in the chain', () => {
    fc.assert(
      fc.property(anySteps, (steps) => {
        const now = Array<number>(BLOCKS).fill(0);
        let counter = 0;
        let last: Point | null = null;
        let full: Point | null = null;
        for (const step of steps) {
          for (const block of step.writes) now[block] = ++counter;
          const base: Point | null = step.type === 'full' ? null : step.type === 'differential' ? full : last;
          last = backup(step, base, [...now]);
          full = base === null ? last : full;
          const wanted = step.abm ? step.used : now.keys();
          for (const block of wanted)
            assert.equal(restored(last, block), now[block], `block ${String(block)}`);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('reads no block of an increment that neither changed nor was dropped before', () => {
    const plan = planDiskRead({
      capacityBytes: 10,
      keep: [{ start: 0, length: 8 }],
      changed: [{ start: 2, length: 2 }],
      droppedBefore: [{ start: 6, length: 4 }],
      knownZero: [],
    });
    assert.deepEqual(plan.read, [
      { start: 2, length: 2 },
      { start: 6, length: 2 },
    ]);
    assert.deepEqual(plan.dropped, [{ start: 8, length: 2 }]);
  });

  it('drops what is dropped together although the chain has it right, and reads nothing for it', () => {
    const plan = planDiskRead({
      capacityBytes: 10,
      keep: [{ start: 0, length: 6 }],
      changed: [{ start: 0, length: 1 }],
      droppedBefore: [{ start: 9, length: 1 }],
      together: [{ start: 6, length: 2 }],
      knownZero: [],
    });
    assert.deepEqual(plan.read, [{ start: 0, length: 1 }]);
    assert.deepEqual(plan.dropped, [
      { start: 6, length: 2 },
      { start: 9, length: 1 },
    ]);
    assert.deepEqual(plan.skipped, []);
  });
});
