import { assert } from 'chai';
import fc from 'fast-check';
import {
  type ExtentSet,
  closeGaps,
  intersect,
  normalize,
  totalLength,
} from '../../../../shared/domain/extent.ts';
import { KiB, MiB } from '../../../../shared/base/units.ts';
import {
  MAX_READ_BYTES,
  type Batch,
  batchesOf,
  cellsOf,
  dataBytesOf,
} from '../../../../worker/pipeline/chunker.ts';

const batches = (read: ExtentSet, gridBytes = MiB, cells = 4): Batch[] => [
  ...batchesOf(read, gridBytes, cells),
];

describe('cellsOf', () => {
  it('cuts at grid lines and spans each cell from its first to its last data byte', () => {
    const read = [
      { start: 1000, length: MiB },
      { start: MiB + 5000, length: 10 },
      { start: 3 * MiB, length: MiB },
    ];
    assert.deepEqual(
      [...cellsOf(read, MiB)],
      [
        { start: 1000, length: MiB - 1000, data: [{ start: 1000, length: MiB - 1000 }] },
        {
          start: MiB,
          length: 5010,
          data: [
            { start: MiB, length: 1000 },
            { start: MiB + 5000, length: 10 },
          ],
        },
        { start: 3 * MiB, length: MiB, data: [{ start: 3 * MiB, length: MiB }] },
      ],
    );
  });

  it('gives nothing for nothing', () => {
    assert.deepEqual([...cellsOf([], MiB)], []);
  });
});

describe('batchesOf', () => {
  it('reads consecutive cells at once, in requests of at most 2 MiB', () => {
    const [batch, ...rest] = batches([{ start: 0, length: 4 * MiB }]);
    assert.deepEqual(rest, []);
    assert.deepEqual(batch?.reads, [
      { start: 0, length: 2 * MiB, at: 0 },
      { start: 2 * MiB, length: 2 * MiB, at: 2 * MiB },
    ]);
    assert.deepEqual(batch?.gaps, []);
  });

  it('puts cells that are far apart side by side in the slot', () => {
    const [batch] = batches([
      { start: 100, length: 50 },
      { start: 7 * MiB + 3, length: 5 },
    ]);
    assert.deepEqual(batch?.reads, [
      { start: 100, length: 50, at: 100 },
      { start: 7 * MiB + 3, length: 5, at: MiB + 3 },
    ]);
  });

  it('reads over gaps up to 64 KiB and leaves out larger ones; both become zeros', () => {
    const [batch] = batches([
      { start: 0, length: 4096 },
      { start: 4096 + 64 * KiB, length: 4096 },
      { start: 512 * KiB, length: 4096 },
    ]);
    assert.deepEqual(batch?.reads, [
      { start: 0, length: 8192 + 64 * KiB, at: 0 },
      { start: 512 * KiB, length: 4096, at: 512 * KiB },
    ]);
    assert.deepEqual(batch?.gaps, [
      { start: 4096, length: 64 * KiB },
      { start: 8192 + 64 * KiB, length: 512 * KiB - 8192 - 64 * KiB },
    ]);
  });

  it('fills each batch but the last, and never exceeds the cells of a slot', () => {
    const counts = batches([{ start: MiB, length: 10 * MiB }]).map(({ cells }) => cells.length);
    assert.deepEqual(counts, [4, 4, 2]);
  });

  const grid = 64 * KiB;
  const extents = fc
    .array(fc.record({ start: fc.nat(20 * grid), length: fc.integer({ min: 1, max: 3 * grid }) }), {
      maxLength: 30,
    })
    .map(normalize);

  it('keeps its laws for any extents', () => {
    fc.assert(
      fc.property(extents, fc.integer({ min: 1, max: 8 }), (read, cellsPerBatch) => {
        const all = batches(read, grid, cellsPerBatch);
        const cells = all.flatMap((batch) => batch.cells.map(({ cell }) => cell));
        assert.deepEqual(normalize(cells.flatMap(({ data }) => data)), read);
        assert.equal(
          cells.reduce((sum, cell) => sum + dataBytesOf(cell), 0),
          totalLength(read),
        );
        for (const batch of all) checkBatch(batch, read, cellsPerBatch);
      }),
    );
  });

  function checkBatch(batch: Batch, read: ExtentSet, cellsPerBatch: number): void {
    assert.isAtMost(batch.cells.length, cellsPerBatch);
    const reads = batch.reads.map(({ at, length }) => ({ start: at, length }));
    batch.cells.forEach(({ cell, at }, i) => {
      assert.equal(Math.floor(cell.start / grid), Math.floor((cell.start + cell.length - 1) / grid));
      assert.equal(at, i * grid + (cell.start % grid));
      const inSlot = [{ start: at, length: cell.length }];
      const data = cell.data.map(({ start, length }) => ({ start: at + start - cell.start, length }));
      assert.deepEqual(intersect(inSlot, normalize([...batch.gaps, ...data])), inSlot, 'covered');
      assert.equal(totalLength(intersect(batch.gaps, data)), 0, 'gaps spare data');
      assert.deepEqual(intersect(normalize(reads), data), data, 'data is read');
    });
    for (const { start, length, at } of batch.reads) {
      assert.isAtMost(length, MAX_READ_BYTES);
      const placed = batch.cells.find(({ cell }) => start >= cell.start && start < cell.start + cell.length);
      assert.equal(at - start, placed!.at - placed!.cell.start);
      const near = closeGaps(read, 64 * KiB);
      assert.deepEqual(
        intersect(near, [{ start, length }]),
        [{ start, length }],
        'reads only over small gaps',
      );
    }
  }
});
