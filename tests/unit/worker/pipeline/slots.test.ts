import { assert } from 'chai';
import { AppError, hasCode } from '../../../../shared/base/errors.ts';
import { MiB } from '../../../../shared/base/units.ts';
import { SlotRing, ringBytes } from '../../../../worker/pipeline/slots.ts';
import { shapeOf } from '../../../../worker/pipeline/thread-pool.ts';

const never = new AbortController().signal;
const ring = (): SlotRing => new SlotRing({ slots: 2, cellsPerSlot: 2, gridBytes: 4096, codedBytes: 4140 });

describe('SlotRing', () => {
  it('lends slots that do not overlap and begin at pages', async () => {
    const slots = ring();
    const a = await slots.acquire(never);
    const b = await slots.acquire(never);
    for (const view of [a.input, a.output, b.input, b.output]) {
      assert.equal(view.length, view === a.input || view === b.input ? 8192 : 12_288);
      assert.equal(view.byteOffset % 4096, 0);
      assert.isTrue(view.every((byte) => byte === 0));
      view.fill(1);
    }
    assert.equal(a.inputAt, a.input.byteOffset);
    assert.equal(a.outputAt, a.output.byteOffset);
    assert.isUndefined(slots.tryAcquire());
  });

  it('lets the next one wait until a slot is given back, in order', async () => {
    const slots = ring();
    const held = [await slots.acquire(never), await slots.acquire(never)];
    const order: string[] = [];
    const first = slots.acquire(never).then((slot) => (order.push('first'), slot));
    const second = slots.acquire(never).then((slot) => (order.push('second'), slot));
    for (const slot of held) slots.release(slot);
    assert.deepEqual(new Set([await first, await second]), new Set(held));
    assert.deepEqual(order, ['first', 'second']);
    assert.equal(slots.freeSlots, 0);
  });

  it('forgets who was cancelled while waiting', async () => {
    const slots = ring();
    const slot = await slots.acquire(never);
    await slots.acquire(never);
    const stop = new AbortController();
    const reason = new AppError('CANCELLED', 'Test was cancelled');
    const waiting = slots.acquire(stop.signal).catch((error: unknown) => error);
    stop.abort(reason);
    assert.strictEqual(await waiting, reason);
    assert.strictEqual(await slots.acquire(stop.signal).catch((error: unknown) => error), reason);
    slots.release(slot);
    assert.equal(slots.freeSlots, 1);
  });

  it('refuses a slot that is given back twice', async () => {
    const slots = ring();
    const slot = await slots.acquire(never);
    slots.release(slot);
    try {
      slots.release(slot);
      assert.fail('It was accepted');
    } catch (error) {
      assert.isTrue(hasCode(error, 'BUG_INVARIANT'));
    }
  });
});

describe('shapeOf', () => {
  for (const [threads, gridBytes] of [
    [1, MiB],
    [2, MiB],
    [16, MiB],
    [64, 4 * MiB],
    [64, 4096],
    [1, 4 * MiB],
  ] as const) {
    it(`keeps ${threads} threads with a grid of ${gridBytes} bytes within 112 MiB`, () => {
      const shape = shapeOf({ threads, gridBytes });
      assert.isAtLeast(shape.slots, 2);
      assert.isAtLeast(shape.cellsPerSlot, 1);
      assert.equal(shape.codedBytes, gridBytes + 44);
      // every slot is rounded up to pages
      assert.isAtMost(ringBytes(shape), 112 * MiB + shape.slots * 8192);
    });
  }

  it('gives each of two threads two slots of 4 MiB, and four more to reading and storing', () => {
    const { slots, cellsPerSlot } = shapeOf({ threads: 2, gridBytes: MiB });
    assert.deepEqual({ slots, cellsPerSlot }, { slots: 8, cellsPerSlot: 4 });
  });
});
