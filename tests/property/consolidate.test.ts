/** Laws of consolidating: the reduced layers are the disk of the chain, byte for byte, and hold nothing that gives nothing. */
import { assert } from 'chai';
import fc from 'fast-check';
import { buildExtentMap, bytesOf } from '../../shared/domain/extent-map.ts';
import { normalize } from '../../shared/domain/extent.ts';
import { DiskIndexBuilder } from '../../shared/format/disk-index-builder.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../../shared/format/disk-index-codec.ts';
import { type DiskIndex, cellSpans, refCount, refsOf } from '../../shared/format/disk-index.ts';
import { chunkIdOf, toHex } from '../../shared/format/hash.ts';
import { consolidateSegment } from '../../shared/repository/consolidate-segment.ts';
import { type ChainDisk, neededLayers, resolveDisk } from '../../shared/repository/resolve-disk.ts';

const CELL = 4096;
const CAPACITY = 3 * CELL + 700;

const anyExtents = fc.array(
  fc.record({ start: fc.nat(CAPACITY - 1), length: fc.integer({ min: 1, max: 6000 }) }),
  { maxLength: 4 },
);
const anyPoint = fc.record({ data: anyExtents, zero: anyExtents, free: anyExtents });
const anyChain = fc.tuple(anyPoint, fc.array(anyPoint, { maxLength: 5 }), fc.boolean());

const linkOf = (index: DiskIndex): ChainDisk => ({ savesetId: 's', deviceId: 'd', index });

/** `no` makes the chunks of a point its own. */
function pointOf(
  point: { data: readonly Span[]; zero: readonly Span[]; free: readonly Span[] },
  no: number,
  rest: 'same' | 'free',
): ChainDisk {
  const layers = (['data', 'zero', 'free'] as const).map((kind) => ({
    kind,
    extents: normalize(point[kind]),
  }));
  const map = buildExtentMap(CAPACITY, layers, rest);
  const builder = new DiskIndexBuilder(CAPACITY, CELL);
  for (const { start, length } of cellSpans(map, CELL)) {
    const packId = String(no % 3).padStart(32, '0');
    const id = chunkIdOf(Buffer.from(`${no} ${start}`));
    builder.add({ id, start, plainLength: length, packId, offset: 1000 * no + start + 44, storedLength: 9 });
  }
  return linkOf(builder.finish(map.runs));
}

interface Span {
  readonly start: number;
  readonly length: number;
}

/** For every byte of the disk what it is: its kind, and for data which byte of which chunk at which place. */
function pictureOf(chain: readonly ChainDisk[]): string[] {
  const resolved = resolveDisk(chain);
  const picture = Array.from({ length: CAPACITY }, () => '');
  for (const { kind, start, length } of resolved.runs) picture.fill(kind, start, start + length);
  for (const { id, packId, offset, writes } of resolved.reads) {
    for (const { start, length, offsetInChunk } of writes) {
      for (let i = 0; i < length; i++) {
        assert.equal(picture[start + i], 'data');
        picture[start + i] = `${toHex(id)} ${packId} ${offset} ${offsetInChunk + i}`;
      }
    }
  }
  return picture;
}

describe('consolidateSegment', () => {
  it('keeps the disk, and no ref that gives nothing', () => {
    fc.assert(
      fc.property(anyChain, fc.nat(2), ([full, increments, overZero], more) => {
        const rest = overZero ? 'free' : 'same';
        const base = pointOf(full, 0, 'free');
        const chain = [...increments.map((point, i) => pointOf(point, i + 1, 'same')), base];
        if (overZero) chain.unshift(pointOf(full, 9, rest));
        const consolidated = consolidateSegment(chain);
        const layers = consolidated.indexes(consolidated.depth + more).map(linkOf);
        assert.deepEqual(pictureOf(layers), pictureOf(chain));
        const needed = neededLayers(layers);
        layers.forEach(({ index }, i) => assert.equal(needed[i]?.refs.length ?? 0, refCount(index)));
        assert.equal(bytesOf(layers.at(-1)!.index, 'same'), 0);
        assert.isAtMost(consolidated.depth, depthOf(chain));
        for (const { index } of layers) decodeDiskIndex(Buffer.concat(encodeDiskIndex(index)), 'index');
      }),
    );
  });

  it('is the same done twice, and in steps', () => {
    fc.assert(
      fc.property(anyPoint, fc.array(anyPoint, { minLength: 2, maxLength: 5 }), (full, increments) => {
        const older = [pointOf(increments[0]!, 1, 'same'), pointOf(full, 0, 'free')];
        const newer = increments.slice(1).map((point, i) => pointOf(point, i + 2, 'same'));
        const first = consolidateSegment(older);
        const inSteps = consolidateSegment([...newer, ...first.indexes(first.depth).map(linkOf)]);
        const atOnce = consolidateSegment([...newer, ...older]);
        assert.equal(inSteps.depth, atOnce.depth);
        assert.deepEqual(
          pictureOf(inSteps.indexes(inSteps.depth).map(linkOf)),
          pictureOf(atOnce.indexes(atOnce.depth).map(linkOf)),
        );
      }),
    );
  });
});

/** The most refs that one cell takes something from; one at least. */
function depthOf(chain: readonly ChainDisk[]): number {
  const depths = new Map<number, number>();
  for (const { disk, refs } of neededLayers(chain)) {
    const all = [...refsOf(disk.index)];
    for (const ref of refs) {
      const cell = Math.floor(all[ref]!.start / CELL);
      depths.set(cell, (depths.get(cell) ?? 0) + 1);
    }
  }
  return Math.max(1, ...depths.values());
}
