import { assert } from 'chai';
import { type Run } from '../../../shared/domain/extent-map.ts';
import { DiskIndexBuilder } from '../../../shared/format/disk-index-builder.ts';
import { cellSpans } from '../../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { type ChainDisk, resolveDisk, summarize } from '../../../shared/repository/resolve-disk.ts';
import { codeOf } from '../format/codes.ts';

const CELL = 4096;

/** A link with these runs, given as kind and cells; each cell's chunk is its own unless `sameChunk`. */
function link(name: string, runs: readonly (readonly [Run['kind'], number])[], sameChunk = false): ChainDisk {
  let start = 0;
  const list: Run[] = runs.map(([kind, cells]) => {
    const run = { kind, start, length: cells * CELL };
    start += run.length;
    return run;
  });
  const builder = new DiskIndexBuilder(start, CELL);
  for (const span of cellSpans({ capacityBytes: start, runs: list }, CELL)) {
    const offset = sameChunk ? 44 : 44 + span.start;
    const id = chunkIdOf(Buffer.from(`${name}${offset}`));
    const packId = Buffer.from(name.padEnd(16)).toString('hex');
    builder.add({ start: span.start, plainLength: span.length, id, packId, offset, storedLength: 100 });
  }
  return { savesetId: name, deviceId: `device-${name}`, index: builder.finish(list) };
}

describe('resolveDisk', () => {
  it('takes each byte from the newest link that does not say same', () => {
    const newest = link('b', [
      ['data', 1],
      ['same', 2],
      ['zero', 1],
      ['same', 1],
      ['free', 1],
    ]);
    const base = link('a', [
      ['data', 2],
      ['free', 1],
      ['data', 1],
      ['zero', 1],
      ['data', 1],
    ]);
    const resolved = resolveDisk([newest, base]);
    assert.deepEqual(
      resolved.runs.map(({ kind, start, layer }) => [kind, start / CELL, layer]),
      [
        ['data', 0, 0],
        ['data', 1, 1],
        ['free', 2, undefined],
        ['zero', 3, undefined],
        ['zero', 4, undefined],
        ['free', 5, undefined],
      ],
    );
    const reads = [...resolved.reads];
    assert.deepEqual(
      reads.map(({ deviceId, layer, writes }) => [deviceId, layer, writes]),
      [
        ['device-a', 1, [{ start: CELL, length: CELL, offsetInChunk: 0 }]],
        ['device-b', 0, [{ start: 0, length: CELL, offsetInChunk: 0 }]],
      ],
    );
    assert.equal(resolved.readCount, 2);
  });

  it('takes only the needed part of a chunk', () => {
    const newest = link('b', [
      ['same', 1],
      ['data', 1],
    ]);
    const runs: Run[] = [
      { kind: 'same', start: 0, length: 1000 },
      { kind: 'zero', start: 1000, length: CELL * 2 - 1000 },
    ];
    const top = { ...newest, index: new DiskIndexBuilder(CELL * 2, CELL).finish(runs) };
    const [read] = [...resolveDisk([top, link('a', [['data', 2]])]).reads];
    assert.deepEqual(read!.writes, [{ start: 0, length: 1000, offsetInChunk: 0 }]);
  });

  it('reads a chunk once that stands in many places', () => {
    const resolved = resolveDisk([link('a', [['data', 5]], true)]);
    const reads = [...resolved.reads];
    assert.equal(resolved.readCount, 1);
    assert.lengthOf(reads, 1);
    assert.lengthOf(reads[0]!.writes, 5);
  });

  it('does not look below the last link that is needed', () => {
    const other = link('x', [['data', 9]]);
    assert.equal(resolveDisk([link('a', [['data', 2]]), other]).layers.length, 1);
  });

  it('refuses a chain without its end, or with a disk of another size', () => {
    const increment = link('b', [
      ['data', 1],
      ['same', 1],
    ]);
    for (const chain of [[increment], [increment, increment], [increment, link('a', [['data', 3]])]]) {
      assert.equal(
        codeOf(() => resolveDisk(chain)),
        'RESTORE_CHAIN_BROKEN',
      );
    }
  });

  it('needs nothing for a disk of no bytes', () => {
    assert.equal(resolveDisk([link('a', [])]).readCount, 0);
    assert.deepEqual(resolveDisk([]).runs, []);
  });
});

describe('summarize', () => {
  it('counts what is read and written, per layer too', () => {
    const newest = link('b', [
      ['data', 1],
      ['same', 3],
    ]);
    const summary = summarize(resolveDisk([newest, link('a', [['data', 4]])]));
    assert.deepEqual(summary, {
      readBytes: 400,
      writeBytes: 4 * CELL,
      packs: 2,
      chunks: 4,
      byLayer: [
        { savesetId: 'b', deviceId: 'device-b', readBytes: 100, writeBytes: CELL, chunks: 1 },
        { savesetId: 'a', deviceId: 'device-a', readBytes: 300, writeBytes: 3 * CELL, chunks: 3 },
      ],
    });
  });
});
