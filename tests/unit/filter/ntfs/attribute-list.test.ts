import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { decodeAttributeList } from '../../../../worker/filter/ntfs/attribute-list.ts';
import { listEntry } from '../../../support/ntfs-bytes.ts';

describe('decodeAttributeList', () => {
  it('reads type, name, first VCN and record of every entry', () => {
    const bytes = Buffer.concat([
      listEntry({ type: 0x80, record: 0 }),
      listEntry({ type: 0xa0, name: '$I30', firstVcn: 77, record: 40, sequence: 3 }),
    ]);
    assert.deepEqual(decodeAttributeList(bytes, 0), [
      { type: 0x80, name: '', firstVcn: 0, record: { number: 0, sequence: 1 } },
      { type: 0xa0, name: '$I30', firstVcn: 77, record: { number: 40, sequence: 3 } },
    ]);
  });

  it('takes an empty list', () => assert.deepEqual(decodeAttributeList(new Uint8Array(), 0), []));

  const damages: readonly [string, (bytes: Buffer) => Buffer][] = [
    ['an entry without length', (bytes) => (bytes.writeUInt16LE(0, 4), bytes)],
    ['an entry past the end', (bytes) => (bytes.writeUInt16LE(64, 4), bytes)],
    ['a name past its entry', (bytes) => (bytes.writeUInt8(90, 6), bytes)],
    ['a cut-off list', (bytes) => bytes.subarray(0, 20)],
  ];
  for (const [name, spoil] of damages) {
    it(`refuses ${name}`, () => {
      const bytes = spoil(listEntry({ type: 0x80, record: 5 }));
      assert.throws(() => decodeAttributeList(bytes, 0), AppError, 'attribute list');
    });
  }
});
