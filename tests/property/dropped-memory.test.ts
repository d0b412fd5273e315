/**
 * The law of what was left out: through any order of backups of any type, of filters switched on and off, and of consolidating, a
 * point gives every byte that its guest used. Pure, so that thousands of orders are drawn; engine.test.ts has the bytes.
 */
import { assert } from 'chai';
import fc from 'fast-check';
import { planDiskRead, withoutBase } from '../../shared/domain/disk-read-plan.ts';
import { type ExtentMap, overlay, select } from '../../shared/domain/extent-map.ts';
import { type ExtentSet, normalize } from '../../shared/domain/extent.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { type DiskIndex, cellSpans } from '../../shared/format/disk-index.ts';
import { chunkIdOf, toHex } from '../../shared/format/hash.ts';
import { consolidateSegment } from '../../shared/repository/consolidate-segment.ts';
import { type ChainDisk, resolveDisk } from '../../shared/repository/resolve-disk.ts';

const CELL = 4096;
/** Two grains to a cell, so that a chunk may hold one that is kept and one that is not. */
const GRAIN = CELL / 2;
const GRAINS = 12;
const CAPACITY = GRAINS * GRAIN;

type Use = 'free' | 'file' | 'copy';
interface Grain {
  use: Use;
  /** What is in it, as a number of its own; 0 for zeros. */
  content: number;
  writtenAt: number;
}

interface Point {
  layers: readonly DiskIndex[];
  base: Point | null;
  readonly at: number;
  isFull: boolean;
  /** What must come back; undefined where the guest used nothing, or the job did not want it. */
  readonly wanted: readonly (number | undefined)[];
}

const grains = fc.record({ first: fc.nat(GRAINS - 1), count: fc.integer({ min: 1, max: 5 }) });
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('write' as const), grains }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('use' as const),
      grains,
      use: fc.constantFrom<Use>('free', 'file', 'file', 'copy'),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('back up' as const),
      type: fc.constantFrom('full', 'incremental', 'incremental', 'differential'),
      keep: fc.constantFrom<readonly Use[]>(['file'], ['file', 'copy'], ['file', 'copy', 'free']),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('consolidate' as const), back: fc.nat(3) }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

const extentsOf = (isIn: (grain: number) => boolean): ExtentSet =>
  normalize(
    Array.from({ length: GRAINS }, (_, grain) => grain)
      .filter(isIn)
      .map((grain) => ({ start: grain * GRAIN, length: GRAIN })),
  );

const linkOf = (index: DiskIndex): ChainDisk => ({ savesetId: 's', deviceId: 'd', index });
const chainOf = (point: Point): ChainDisk[] => [
  ...point.layers.map(linkOf),
  ...(point.base === null ? [] : chainOf(point.base)),
];

/** What `readDropped` reads of a saveset: the layers of its own, and none of its base. */
function droppedOf({ layers: [first, ...lower] }: Point): ExtentSet {
  const top: ExtentMap = { capacityBytes: CAPACITY, runs: first!.runs };
  return select(lower.reduce<ExtentMap>(overlay, top), 'free');
}

class Model {
  readonly disk: Grain[] = Array.from({ length: GRAINS }, () => ({ use: 'free', content: 0, writtenAt: 0 }));
  readonly points: Point[] = [];
  /** By chunk id, what the cell held when it was read. */
  readonly chunks = new Map<string, readonly number[]>();
  #at = 0;

  do(drawn: Step): void {
    this.#at++;
    switch (drawn.kind) {
      case 'write':
        for (const grain of this.#of(drawn.grains)) {
          grain.content = this.#at;
          grain.writtenAt = this.#at;
        }
        break;
      case 'use':
        // no byte changes: change tracking sees nothing
        for (const grain of this.#of(drawn.grains)) grain.use = drawn.use;
        break;
      case 'back up':
        this.#backUp(drawn.type, drawn.keep);
        break;
      case 'consolidate':
        this.#consolidate(this.points.at(-1 - drawn.back));
    }
  }

  #of({ first, count }: { readonly first: number; readonly count: number }): Grain[] {
    return this.disk.slice(first, first + count);
  }

  #backUp(type: string, uses: readonly Use[]): void {
    const fitting =
      type === 'full' ? [] : this.points.filter(({ isFull }) => isFull || type !== 'differential');
    const base = fitting.at(-1) ?? null;
    const isKept = (grain: number): boolean => uses.includes(this.disk[grain]!.use);
    const input = { capacityBytes: CAPACITY, keep: extentsOf(isKept) };
    const plan =
      base === null
        ? planDiskRead(
            withoutBase({ ...input, knownZero: extentsOf((grain) => this.disk[grain]!.writtenAt === 0) }),
          )
        : planDiskRead({
            ...{ ...input, knownZero: [], droppedBefore: droppedOf(base) },
            changed: extentsOf((grain) => this.disk[grain]!.writtenAt > base.at),
          });
    const held = this.disk.map(({ content }) => content);
    const builder = new DiskIndexBuilder(CAPACITY, CELL);
    for (const { start, length } of cellSpans(plan.map, CELL)) {
      const inIt = held.slice(start / GRAIN, (start + length) / GRAIN);
      const id = chunkIdOf(Buffer.from(`${start} ${inIt.join()}`));
      this.chunks.set(toHex(id), inIt);
      builder.add({
        id,
        start,
        plainLength: length,
        packId: '0'.repeat(32),
        offset: start + 44,
        storedLength: 9,
      });
    }
    this.points.push({
      ...{ layers: [builder.finish(plan.map.runs)], base, at: this.#at, isFull: base === null },
      wanted: held.map((content, grain) => (isKept(grain) ? content : undefined)),
    });
  }

  /** The point is the same and a full one; what builds on it builds on it still. */
  #consolidate(point: Point | undefined): void {
    if (point?.base == null) return;
    const whole = consolidateSegment(chainOf(point));
    point.layers = whole.indexes(whole.depth);
    point.base = null;
    point.isFull = true;
  }

  restore(point: Point): number[] {
    const restored = new Array<number>(GRAINS).fill(0);
    for (const { id, writes } of resolveDisk(chainOf(point)).reads) {
      const inIt = this.chunks.get(toHex(id))!;
      for (const { start, length, offsetInChunk } of writes) {
        for (let at = 0; at < length; at += GRAIN)
          restored[(start + at) / GRAIN] = inIt[(offsetInChunk + at) / GRAIN]!;
      }
    }
    return restored;
  }
}

describe('what a point left out', () => {
  it('is never missing in a later one that wants it', () => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 5, maxLength: 30, size: 'max' }), (steps) => {
        const model = new Model();
        for (const one of steps) model.do(one);
        for (const point of model.points) {
          const restored = model.restore(point);
          const given = point.wanted.map((content, grain) => content && restored[grain]);
          assert.deepEqual(given, [...point.wanted]);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
