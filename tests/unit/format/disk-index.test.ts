import { assert } from 'chai';
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { DiskIndexBuilder } from '../../../shared/format/disk-index-builder.ts';
import { decodeDiskIndex, encodeDiskIndex } from '../../../shared/format/disk-index-codec.ts';
import {
  type DiskIndex,
  cellSpans,
  checkDiskIndex,
  refAt,
  refCount,
  refsOf,
} from '../../../shared/format/disk-index.ts';
import { chunkIdOf } from '../../../shared/format/hash.ts';
import { codeOf } from './codes.ts';
import { PACK_ID, aDiskIndex } from './samples.ts';

const encoded = (index: DiskIndex): Buffer => Buffer.concat(encodeDiskIndex(index));

/** The same with other bytes at `at`, and with right checksums. */
function forged(bytes: Buffer, at: number, ...values: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(values, at);
  copy.writeUInt32LE(crc32(copy.subarray(0, 44)), 44);
  const end = copy.length - 32;
  copy.set(createHash('sha256').update(copy.subarray(0, end)).digest(), end);
  return copy;
}

describe('cellSpans', () => {
  it('spans from the first to the last data byte of each cell', () => {
    const runs = [
      { kind: 'data', start: 0, length: 10 },
      { kind: 'free', start: 10, length: 20 },
      { kind: 'data', start: 30, length: 8200 },
      { kind: 'zero', start: 8230, length: 4058 },
    ] as const;
    assert.deepEqual(
      [...cellSpans({ capacityBytes: 12_288, runs }, 4096)],
      [
        { start: 0, length: 4096 },
        { start: 4096, length: 4096 },
        { start: 8192, length: 38 },
      ],
    );
    assert.deepEqual([...cellSpans({ capacityBytes: 0, runs: [] }, 4096)], []);
  });
});

describe('DiskIndexBuilder', () => {
  it('takes refs in any order and keeps them in the order of the disk', () => {
    const index = aDiskIndex();
    assert.deepEqual(
      [...refsOf(index)].map(({ start, plainLength }) => [start, plainLength]),
      [
        [100, 1900],
        [12_288, 4096],
      ],
    );
    assert.deepEqual(index.packs, [PACK_ID]);
  });

  it('grows', () => {
    const builder = new DiskIndexBuilder(4096 * 1000, 4096);
    const id = chunkIdOf(Buffer.from('x'));
    for (let i = 0; i < 1000; i++) {
      const packId = (i % 3).toString(16).padStart(32, '0');
      builder.add({ start: i * 4096, plainLength: 4096, id, packId, offset: 44 + i, storedLength: 9 });
    }
    const index = builder.finish([{ kind: 'data', start: 0, length: 4096 * 1000 }]);
    assert.equal(refCount(index), 1000);
    assert.equal(refAt(index, 999).packId, '0'.repeat(32));
    assert.equal(refAt(index, 998).offset, 1042);
    assert.equal(index.packs.length, 3);
  });

  it('takes a chunk that spans more of its cell than the data', () => {
    const builder = new DiskIndexBuilder(8192, 4096);
    const place = { packId: PACK_ID, offset: 44, storedLength: 9, id: chunkIdOf(Buffer.from('x')) };
    builder.add({ ...place, start: 4100, plainLength: 4092 });
    const index = builder.finish([
      { kind: 'same', start: 0, length: 5000 },
      { kind: 'data', start: 5000, length: 10 },
      { kind: 'same', start: 5010, length: 3182 },
    ]);
    assert.equal(refAt(index, 0).plainLength, 4092);
  });

  it('refuses data without a chunk, a chunk without data, and a chunk that does not span the data', () => {
    const place = { packId: PACK_ID, offset: 44, storedLength: 9, id: chunkIdOf(Buffer.from('x')) };
    const runs = [{ kind: 'data', start: 0, length: 8192 }] as const;
    for (const starts of [[0], [0, 4096, 4096], [0, 4097], []]) {
      const builder = new DiskIndexBuilder(8192, 4096);
      for (const start of starts) builder.add({ ...place, start, plainLength: 4096 });
      assert.equal(
        codeOf(() => builder.finish(runs)),
        'FORMAT_INVALID',
        starts.join(),
      );
    }
    const spans: [number, number][] = [
      [4096, 4095],
      [4097, 4095],
      [4095, 4097],
      [4096, 4097],
    ];
    for (const [start, plainLength] of spans) {
      const builder = new DiskIndexBuilder(8192, 4096);
      builder.add({ ...place, start: 0, plainLength: 4096 });
      builder.add({ ...place, start, plainLength });
      assert.equal(
        codeOf(() => builder.finish(runs)),
        'FORMAT_INVALID',
        `${start}, ${plainLength}`,
      );
    }
  });

  const impossible = [
    [2 ** 50 + 1, 2 ** 20],
    [8192, 2048],
    [8192, 6000],
    [8192, 2 ** 23],
    [2 ** 50, 4096],
  ] as const;
  for (const [capacity, grid] of impossible) {
    it(`refuses a capacity of ${capacity} on a grid of ${grid}`, () => {
      assert.equal(
        codeOf(() => new DiskIndexBuilder(capacity, grid)),
        'FORMAT_INVALID',
      );
    });
  }
});

describe('checkDiskIndex', () => {
  it('refuses a pack that is not in the table', () => {
    assert.equal(
      codeOf(() => checkDiskIndex({ ...aDiskIndex(), packs: [] }, 'index')),
      'FORMAT_INVALID',
    );
  });

  it('refuses runs that do not cover the disk', () => {
    const index = aDiskIndex();
    assert.equal(
      codeOf(() => checkDiskIndex({ ...index, runs: index.runs.slice(1) }, 'i')),
      'FORMAT_INVALID',
    );
  });

  for (const [at, value] of [
    [48, 43],
    [52, 0],
    [52, 2 ** 31],
  ] as const) {
    it(`refuses ${value} in field ${at} of a ref`, () => {
      const index = aDiskIndex();
      Buffer.from(index.refs.buffer, index.refs.byteOffset).writeUInt32LE(value, at);
      assert.equal(
        codeOf(() => checkDiskIndex(index, 'index')),
        'FORMAT_INVALID',
      );
    });
  }
});

describe('decodeDiskIndex', () => {
  const bytes = encoded(aDiskIndex());
  const decode = (wrong: Uint8Array): string => codeOf(() => decodeDiskIndex(wrong, 'index'));

  it('gives back what was encoded', () => {
    const index = decodeDiskIndex(bytes, 'index');
    assert.deepEqual({ ...index, refs: [...index.refs] }, { ...aDiskIndex(), refs: [...aDiskIndex().refs] });
    const empty = new DiskIndexBuilder(0, 4096).finish([]);
    assert.equal(decodeDiskIndex(encoded(empty), 'index').capacityBytes, 0);
  });

  it('refuses every cut-off, and bytes behind the end', () => {
    for (let length = 0; length < bytes.length; length++) {
      assert.equal(decode(bytes.subarray(0, length)), 'FORMAT_INVALID', `${length} bytes`);
    }
    assert.equal(decode(Buffer.concat([bytes, Buffer.alloc(1)])), 'FORMAT_INVALID');
  });

  it('finds every flipped bit', () => {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const copy = Buffer.from(bytes);
      copy[bit >> 3]! ^= 1 << (bit & 7);
      assert.notEqual(decode(copy), 'none', `bit ${bit}`);
    }
  });

  const lies: [string, number, number[], string][] = [
    ['a later version', 8, [2], 'FORMAT_VERSION_UNKNOWN'],
    ['version 0', 8, [0], 'FORMAT_INVALID'],
    ['a flag', 12, [1], 'FORMAT_VERSION_UNKNOWN'],
    ['a capacity out of range', 16, [255, 255, 255, 255, 255, 255, 255, 255], 'FORMAT_INVALID'],
    ['four billion packs', 28, [255, 255, 255, 255], 'FORMAT_INVALID'],
    ['four billion refs', 40, [255, 255, 255, 255], 'FORMAT_INVALID'],
    ['four billion runs', 32, [255, 255, 255, 255], 'FORMAT_INVALID'],
    ['one run too few', 32, [6], 'FORMAT_INVALID'],
    ['an unknown kind of run', 64, [4], 'FORMAT_VERSION_UNKNOWN'],
    ['a run of no length', 65, [0], 'FORMAT_INVALID'],
  ];
  for (const [what, at, values, code] of lies) {
    it(`refuses ${what} under right checksums`, () =>
      assert.equal(decode(forged(bytes, at, ...values)), code));
  }
});
