import { assert } from 'chai';
import { type SavesetRecord } from '../../../../master/catalog/saveset-rows.ts';
import { type VerifyCandidate, planVerify } from '../../../../master/verify/plan-verify.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { point } from '../../../support/points.ts';

/** Stores 100 bytes of 200, and knew 100 more: 150 to be read. */
const saveset = (savesetId: string, over: Partial<SavesetRecord> = {}): SavesetRecord =>
  point(savesetId, { counters: { ...noBytes, fresh: 200, known: 100, stored: 100 }, ...over });

const candidate = (...chain: string[]): VerifyCandidate => {
  const savesets = chain.map((id) => saveset(id));
  return { point: savesets[0]!, chain: savesets };
};

const ids = (plan: ReturnType<typeof planVerify>): string[] =>
  plan.taken.map(({ point: taken }) => taken.savesetId);

describe('planVerify', () => {
  it('takes all without a budget, and counts what points of a chain share once', () => {
    const plan = planVerify([candidate('a2', 'a1'), candidate('a1'), candidate('b1')], { maxPoints: 10 });
    assert.deepEqual(ids(plan), ['a2', 'a1', 'b1']);
    assert.deepEqual(
      plan.taken.map(({ readBytes }) => readBytes),
      [300, 0, 150],
    );
    assert.deepInclude(plan, { readBytes: 450, left: { points: 0, readBytes: 0 } });
  });

  it('ends with the first point that does not fit, and says what is left', () => {
    const all = [candidate('a1'), candidate('b2', 'b1'), candidate('c1')];
    const plan = planVerify(all, { budgetBytes: 300, maxPoints: 10 });
    assert.deepEqual(ids(plan), ['a1']);
    assert.deepEqual(plan.left, { points: 2, readBytes: 450 });
  });

  it('takes at least one, however large it is, and no more than a run may have', () => {
    assert.deepEqual(ids(planVerify([candidate('a1'), candidate('b1')], { budgetBytes: 1, maxPoints: 9 })), [
      'a1',
    ]);
    assert.deepEqual(ids(planVerify([candidate('a1'), candidate('b1')], { maxPoints: 1 })), ['a1']);
    assert.deepEqual(ids(planVerify([], { maxPoints: 1 })), []);
  });

  it('puts points of a chain behind each other', () => {
    const plan = planVerify([candidate('a2', 'a1'), candidate('b1'), candidate('a1')], { maxPoints: 9 });
    assert.deepEqual(ids(plan), ['a2', 'a1', 'b1']);
  });

  it('reckons with the plain bytes where nothing was stored that could be compared', () => {
    const known = saveset('a1', { counters: { ...noBytes, known: 70 } });
    assert.equal(planVerify([{ point: known, chain: [known] }], { maxPoints: 1 }).readBytes, 70);
  });
});
