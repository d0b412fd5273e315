/** The law of reclaiming: whatever is written, deleted and reclaimed in whatever order, every point that is left is whole. */
import { assert } from 'chai';
import fc from 'fast-check';
import { MemoryStorage } from '../../shared/repository/storage-memory.ts';
import { type PointAttempt, ReclaimWorld, smallDevice, smallStream } from '../support/reclaim-world.ts';
import { hasCode } from '../../shared/base/errors.ts';
import { discardAttempt } from '../../shared/repository/saveset-store.ts';

const cells = fc.array(fc.nat(20), { minLength: 1, maxLength: 12 });
const step = fc.oneof(
  fc.record({ do: fc.constant('write' as const), cells }),
  fc.record({ do: fc.constant('remove' as const), which: fc.nat(7) }),
  fc.record({ do: fc.constant('reclaim' as const), sparsePercent: fc.nat(100) }),
  fc.record({ do: fc.constant('begin' as const), cells }),
  fc.record({ do: fc.constant('store' as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant('seal' as const), which: fc.nat(3) }),
  fc.record({ do: fc.constant('discard' as const), which: fc.nat(3) }),
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Open {
  readonly attempt: PointAttempt;
  isStored: boolean;
}

async function take(world: ReclaimWorld, open: Open[], step: Step): Promise<void> {
  const chosen = 'which' in step ? open[step.which % Math.max(1, open.length)] : undefined;
  const over = (): void => void open.splice(open.indexOf(chosen!), 1);
  if (step.do === 'write') await world.write(step.cells);
  else if (step.do === 'reclaim') await world.reclaim({ sparsePercent: step.sparsePercent });
  else if (step.do === 'remove') {
    const sealed = await world.sealed();
    if (sealed.length > 0) await world.remove(sealed[step.which % sealed.length]!);
  } else if (step.do === 'begin') {
    const attempt = world.attempt(step.cells, smallStream(world.device));
    await attempt.begin();
    open.push({ attempt, isStored: false });
  } else if (step.do === 'store' && chosen?.isStored === false) {
    await chosen.attempt.store();
    chosen.isStored = true;
  } else if (step.do === 'seal' && chosen?.isStored === true) {
    await chosen.attempt.seal();
    over();
  } else if (step.do === 'discard' && chosen !== undefined) {
    await discardAttempt(world.device.storage, chosen.attempt.savesetId);
    over();
  }
}

describe('reclaim', () => {
  it('keeps every point whole, and nothing else in the end', async function () {
    this.timeout(300_000);
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 30 }), async (steps) => {
        const world = new ReclaimWorld(await smallDevice(new MemoryStorage()));
        const open: Open[] = [];
        for (const next of steps) {
          try {
            await take(world, open, next);
          } catch (error) {
            if (!hasCode(error, 'REPO_PACK_GONE')) throw error;
            world.stream.forgetLookup();
            await world.recover();
            open.length = 0;
          }
          if (next.do === 'reclaim') await world.assertAllRestorable();
        }
        await world.recover();
        for (let i = 0; i < 2; i++) await world.reclaim();
        await world.assertAllRestorable();
        assert.deepEqual(await world.packs(), await world.livePacks());
      }),
      { numRuns: 60 },
    );
  });
});
