import { assert } from 'chai';
import { ProvenRecords } from '../../../../worker/verify/proven-records.ts';

const ref = (offset: number, packId = 'p1', id = 1) => ({
  deviceId: 'd1',
  packId,
  offset,
  id: new Uint8Array(32).fill(id),
  storedLength: 100,
  plainLength: 200,
});

describe('ProvenRecords', () => {
  it('knows what was proven, in whatever order it came', () => {
    const proven = new ProvenRecords();
    const offsets = Array.from({ length: 1000 }, (_, i) => 44 + ((i * 7919) % 1000) * 100);
    for (const offset of offsets) proven.add(ref(offset));
    for (const offset of offsets) assert.isTrue(proven.has(ref(offset)), String(offset));
    assert.isFalse(proven.has(ref(45)));
    assert.isFalse(proven.has(ref(44, 'p2')));
    assert.isFalse(proven.has({ ...ref(44), deviceId: 'd2' }));
  });

  it('takes no other chunk at the place for the one that was proven', () => {
    const proven = new ProvenRecords();
    proven.add(ref(44));
    assert.isFalse(proven.has(ref(44, 'p1', 2)));
    assert.isFalse(proven.has({ ...ref(44), storedLength: 101 }));
    assert.isFalse(proven.has({ ...ref(44), plainLength: 201 }));
    proven.add(ref(44, 'p1', 2));
    assert.isTrue(proven.has(ref(44, 'p1', 2)));
    assert.isFalse(proven.has(ref(44)));
  });

  it('forgets the packs that were not asked for the longest when its memory is full', () => {
    const proven = new ProvenRecords(3000);
    for (const packId of ['p1', 'p2', 'p3']) proven.add(ref(44, packId));
    assert.isTrue(proven.has(ref(44, 'p1')));
    proven.add(ref(44, 'p4'));
    assert.deepEqual(
      ['p1', 'p2', 'p3', 'p4'].map((packId) => proven.has(ref(44, packId))),
      [true, false, true, true],
    );
  });
});
