import { assert } from 'chai';
import { isMarked, markDamaged, readDamageMarks } from '../../../shared/repository/damage-marks.ts';
import { MemoryStorage } from '../../../shared/repository/storage-memory.ts';

const packs = ['ab'.repeat(16), 'cd'.repeat(16)] as const;

describe('readDamageMarks', () => {
  it('finds the marked records alone, and passes over names that are no marks', async () => {
    const storage = new MemoryStorage();
    await storage.put('damaged/notes.txt', new Uint8Array());
    await markDamaged(storage, { packId: packs[0], offset: 44 });
    const marks = await readDamageMarks(storage);
    assert.equal(marks.size, 1);
    assert.isTrue(isMarked(marks, { packId: packs[0], offset: 44 }));
    assert.isFalse(isMarked(marks, { packId: packs[0], offset: 4 }));
    assert.isFalse(isMarked(marks, { packId: packs[1], offset: 44 }));
  });

  it('remembers whole packs when there are more marks than it may hold', async () => {
    const storage = new MemoryStorage();
    for (const packId of packs) {
      for (let offset = 0; offset < 50; offset++) await markDamaged(storage, { packId, offset });
    }
    const marks = await readDamageMarks(storage, 10);
    assert.isAtMost(marks.size, 12);
    for (const packId of packs) assert.isTrue(isMarked(marks, { packId, offset: 49 }), packId);
  });
});
