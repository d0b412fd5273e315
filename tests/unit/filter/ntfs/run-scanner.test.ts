import { assert } from 'chai';
import fc from 'fast-check';
import { decodeFileRecord } from '../../../../worker/filter/ntfs/file-record.ts';
import { createRunScanner } from '../../../../worker/filter/ntfs/run-scanner.ts';
import {
  type RunStep,
  fileName,
  fileRecord,
  nonResident,
  resident,
  runList,
} from '../../../support/ntfs-bytes.ts';

const CLUSTERS = 10_000;
const stream = (...steps: RunStep[]): Buffer =>
  nonResident(
    { type: 0x80, lastVcn: steps.reduce((sum, [length]) => sum + length, 0) - 1 },
    runList(...steps),
  );
const plain = (): Buffer =>
  fileRecord({}, resident({ type: 0x30 }, fileName('a')), stream([5, 100], [2, null], [7, -60]));

function scan(record: Uint8Array): { isPlain: boolean; runs: [number, number][] } {
  const runs: [number, number][] = [];
  const scanner = createRunScanner(record.length, CLUSTERS, (start, end) => runs.push([start, end]));
  return { isPlain: scanner.scan(record), runs };
}

/** The runs by the decoder that checks all; null when it refuses. */
function checked(record: Uint8Array): [number, number][] | null {
  try {
    const { attributes } = decodeFileRecord(record, { number: 1, at: 0, volumeClusters: CLUSTERS });
    return attributes.flatMap((attribute) =>
      attribute.kind === 'resident'
        ? []
        : attribute.runs.flatMap(({ lcn, clusters }): [number, number][] =>
            lcn === null ? [] : [[lcn, lcn + clusters]],
          ),
    );
  } catch {
    return null;
  }
}

describe('createRunScanner', () => {
  it('tells the runs of a record, holes left out', () => {
    assert.deepEqual(scan(plain()), {
      isPlain: true,
      runs: [
        [100, 105],
        [40, 47],
      ],
    });
  });

  it('tells nothing of a record whose content is in it', () => {
    assert.deepEqual(scan(fileRecord({}, resident({ type: 0x80 }, Buffer.from('abc')))), {
      isPlain: true,
      runs: [],
    });
  });

  const refused: readonly [string, (record: Buffer) => void][] = [
    ['another magic', (record) => record.write('BAAD', 0, 'latin1')],
    ['a torn end', (record) => record.writeUInt16LE(99, 1022)],
    ['a fix-up array of the wrong size', (record) => record.writeUInt16LE(2, 6)],
    ['a fix-up array at an odd place', (record) => record.writeUInt16LE(49, 4)],
    ['more bytes in use than it has', (record) => record.writeUInt32LE(1025, 24)],
    ['no end mark', (record) => record.writeUInt32LE(64, 24)],
    ['an attribute cut off', (record) => record.writeUInt32LE(72, 24)],
    ['an attribute without length', (record) => record.writeUInt32LE(0, 68)],
    ['an attribute of an odd length', (record) => record.writeUInt32LE(97, 68)],
    ['an attribute past the record', (record) => record.writeUInt32LE(4096, 68)],
    ['a name past its attribute', (record) => record.writeUInt8(200, 73)],
    ['a value past its attribute', (record) => record.writeUInt32LE(1000, 80)],
  ];
  for (const [name, spoil] of refused) {
    it(`steps back from ${name}`, () => {
      const record = plain();
      spoil(record);
      assert.isFalse(scan(record).isPlain);
    });
  }

  const lists: readonly [string, Buffer][] = [
    ['a run past the volume', stream([5, CLUSTERS - 4])],
    ['a run before the volume', stream([5, -1])],
    ['a run without length', nonResident({ type: 0x80, lastVcn: -1 }, Buffer.from([0x11, 0, 5, 0]))],
    ['runs that map less than they should', nonResident({ type: 0x80, lastVcn: 9 }, runList([5, 100]))],
    ['a number of seven bytes', nonResident({ type: 0x80, lastVcn: 0 }, Buffer.from([0x17, 1, 0, 0, 0, 0, 0, 0, 5, 0]))],
    ['runs that do not end', nonResident({ type: 0x80, lastVcn: 63 }, Buffer.from([0x11, 1, 1, 0x11, 1, 1, 0x11, 1]))],
    ['a stream with too short a header', resident({ type: 0x80 }, Buffer.alloc(8)).fill(1, 8, 9)],
  ]; // prettier-ignore
  for (const [name, attribute] of lists) {
    it(`steps back from ${name}`, () => assert.isFalse(scan(fileRecord({}, attribute)).isPlain));
  }

  it('agrees with the decoder that checks all, wherever it does not step back', () => {
    const damage = fc.record({
      at: fc.integer({ min: 16, max: 250 }),
      value: fc.integer({ min: 0, max: 255 }),
    });
    fc.assert(
      fc.property(fc.array(damage, { maxLength: 4 }), (damages) => {
        const record = plain();
        for (const { at, value } of damages) record.writeUInt8(value, at);
        const { isPlain, runs } = scan(record);
        const expected = checked(record);
        if (isPlain && expected !== null) assert.deepEqual(runs, expected);
      }),
      { numRuns: 500 },
    );
  });
});
