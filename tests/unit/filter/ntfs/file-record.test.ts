import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { decodeFileRecord } from '../../../../worker/filter/ntfs/file-record.ts';
import { fileName, fileRecord, nonResident, resident, runList } from '../../../support/ntfs-bytes.ts';

const place = { number: 6, at: 8192, volumeClusters: 1000 };
const content = { type: 0x80, lastVcn: 11, sizeBytes: 40_000 };
const sound = (): Buffer =>
  fileRecord(
    { sequence: 6 },
    resident({ type: 0x30 }, fileName('$Bitmap')),
    nonResident(content, runList([8, 100], [4, -50])),
  );

function faultOf(bytes: Buffer): AppError {
  try {
    decodeFileRecord(bytes, place);
  } catch (error) {
    assert.instanceOf(error, AppError);
    return error;
  }
  throw new Error('nothing was thrown');
}

describe('decodeFileRecord', () => {
  it('reads flags, sequence and attributes', () => {
    const record = decodeFileRecord(sound(), place);
    assert.deepInclude(record, { number: 6, sequence: 6, isInUse: true, isDirectory: false, base: null });
    assert.deepInclude(record.attributes[1], {
      kind: 'non-resident',
      type: 0x80,
      clusters: 12,
      sizeBytes: 40_000,
      initialisedBytes: 40_000,
      isCoded: false,
      runs: [
        { lcn: 100, clusters: 8 },
        { lcn: 50, clusters: 4 },
      ],
    });
  });

  it('puts the real bytes back at the end of each stride', () => {
    const long = resident({ type: 0x80 }, Buffer.alloc(900, 0xab));
    const [attribute] = decodeFileRecord(fileRecord({ recordBytes: 4096 }, long), place).attributes;
    assert.equal(attribute?.kind, 'resident');
    assert.isTrue(attribute?.kind === 'resident' && attribute.value.every((byte) => byte === 0xab));
  });

  it('reads the reference of a base record, and names of attributes', () => {
    const bytes = fileRecord(
      { base: 6n + (9n << 48n) },
      resident({ type: 0x90, name: '$I30' }, Buffer.alloc(16)),
    );
    const record = decodeFileRecord(bytes, place);
    assert.deepEqual(record.base, { number: 6, sequence: 9 });
    assert.equal(record.attributes[0]?.name, '$I30');
  });

  it('reads a stream without clusters', () => {
    const bytes = fileRecord({}, nonResident({ type: 0x80, lastVcn: -1 }, runList()));
    assert.deepInclude(decodeFileRecord(bytes, place).attributes[0], { clusters: 0, runs: [] });
  });

  it('marks compressed and encrypted streams', () => {
    for (const flags of [0x0001, 0x4000]) {
      const bytes = fileRecord({}, nonResident({ ...content, flags }, runList([12, 1])));
      assert.isTrue(decodeFileRecord(bytes, place).attributes[0]?.isCoded);
    }
  });

  const damages: readonly [string, (bytes: Buffer) => void, number][] = [
    ['another magic', (bytes) => bytes.write('BAAD', 0), 0],
    ['a torn first sector', (bytes) => bytes.writeUInt16LE(99, 510), 510],
    ['a torn second sector', (bytes) => bytes.writeUInt16LE(99, 1022), 1022],
    ['a fix-up array of the wrong size', (bytes) => bytes.writeUInt16LE(9, 6), 6],
    ['a fix-up array past its sector', (bytes) => bytes.writeUInt16LE(506, 4), 4],
    ['more used bytes than it has', (bytes) => bytes.writeUInt32LE(1025, 24), 24],
    ['attributes past the end', (bytes) => bytes.writeUInt16LE(1022, 20), 1022],
    ['an attribute of 0 bytes', (bytes) => bytes.writeUInt32LE(0, 68), 68],
    ['an attribute of 9 bytes', (bytes) => bytes.writeUInt32LE(33, 68), 68],
    ['an attribute past the end', (bytes) => bytes.writeUInt32LE(4096, 68), 64],
    ['a resident value past its attribute', (bytes) => bytes.writeUInt32LE(500, 80), 88],
  ];
  for (const [name, spoil, offset] of damages) {
    it(`refuses ${name}, naming the byte`, () => {
      const bytes = sound();
      spoil(bytes);
      const fault = faultOf(bytes);
      assert.equal(fault.code, 'FS_STRUCTURE_INVALID');
      assert.equal(fault.facts['at'], place.at + offset);
    });
  }

  it('refuses runs that do not add up to the VCNs', () => {
    const fault = faultOf(fileRecord({}, nonResident({ ...content, lastVcn: 10 }, runList([12, 1]))));
    assert.include(fault.message, 'its runs map 12 clusters of 11');
  });

  it('refuses attributes without an end mark', () => {
    const bytes = sound();
    bytes.writeUInt32LE(64, 24);
    assert.include(faultOf(bytes).message, 'the structure has ended');
  });
});
