import { assert } from 'chai';
import fc from 'fast-check';
import { createBitmapScan } from '../../worker/filter/free-runs.ts';
import { decodeDataRuns } from '../../worker/filter/ntfs/data-runs.ts';
import { type RunStep, runList } from '../support/ntfs-bytes.ts';
import { freeRunsOf } from '../support/ntfs-oracle.ts';

const bitmaps = fc
  .array(fc.oneof(fc.constantFrom(0, 0xff), fc.integer({ min: 0, max: 0xff })), {
    minLength: 1,
    maxLength: 200,
  })
  .chain((bytes) =>
    fc.record({
      bytes: fc.constant(Uint8Array.from(bytes)),
      clusters: fc.integer({ min: 0, max: bytes.length * 8 }),
      pieceWords: fc.integer({ min: 1, max: 20 }),
    }),
  );

function scan(bytes: Uint8Array, clusters: number, pieceWords: number, maxRuns?: number) {
  const bitmap = createBitmapScan(clusters, maxRuns);
  for (let offset = 0; offset < bytes.length; offset += pieceWords * 4) {
    bitmap.add(bytes.subarray(offset, offset + pieceWords * 4));
  }
  return bitmap.finish();
}

describe('createBitmapScan', () => {
  it('finds what a walk bit by bit finds, in pieces of any size', () => {
    fc.assert(
      fc.property(bitmaps, ({ bytes, clusters, pieceWords }) => {
        const { runs, count } = scan(bytes, clusters, pieceWords);
        assert.deepEqual(runs, freeRunsOf(bytes, clusters));
        assert.equal(
          count,
          runs.reduce((sum, { length }) => sum + length, 0),
        );
      }),
    );
  });

  it('finds the same wherever a piece lies in memory', () => {
    fc.assert(
      fc.property(bitmaps, fc.integer({ min: 1, max: 3 }), ({ bytes, clusters, pieceWords }, offset) => {
        const moved = new Uint8Array(bytes.length + offset).subarray(offset);
        moved.set(bytes);
        assert.deepEqual(scan(moved, clusters, pieceWords), scan(bytes, clusters, pieceWords));
      }),
    );
  });

  it('keeps to its bound, names only free clusters and counts them all', () => {
    fc.assert(
      fc.property(bitmaps, fc.integer({ min: 1, max: 20 }), ({ bytes, clusters, pieceWords }, maxRuns) => {
        const bounded = scan(bytes, clusters, pieceWords, maxRuns);
        const all = freeRunsOf(bytes, clusters);
        assert.isAtMost(bounded.runs.length, maxRuns);
        assert.includeDeepMembers(all, [...bounded.runs]);
        assert.equal(
          bounded.count,
          all.reduce((sum, { length }) => sum + length, 0),
        );
      }),
    );
  });
});

describe('decodeDataRuns', () => {
  const places = fc.array(
    fc.record({
      lcn: fc.option(fc.integer({ min: 0, max: 1_000_000 })),
      clusters: fc.integer({ min: 1, max: 1000 }),
    }),
    { maxLength: 30 },
  );

  it('reads back what was encoded', () => {
    fc.assert(
      fc.property(places, (runs) => {
        let previous = 0;
        const steps = runs.map(({ lcn, clusters }): RunStep => {
          if (lcn === null) return [clusters, null];
          const step = lcn - previous;
          previous = lcn;
          return [clusters, step];
        });
        assert.deepEqual(decodeDataRuns(runList(...steps), 0, 2_000_000), runs);
      }),
    );
  });

  it('ends on any bytes, with runs inside the volume or an error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        try {
          for (const { lcn, clusters } of decodeDataRuns(bytes, 0, 5000)) {
            assert.isAbove(clusters, 0);
            if (lcn !== null) assert.isTrue(lcn >= 0 && lcn + clusters <= 5000);
          }
        } catch (error) {
          assert.nestedPropertyVal(error, 'code', 'FS_STRUCTURE_INVALID');
        }
      }),
    );
  });
});
