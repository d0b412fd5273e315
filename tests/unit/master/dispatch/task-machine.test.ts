import { assert } from 'chai';
import fc from 'fast-check';
import { type TaskEvent, nextState, taskTransitions } from '../../../../master/dispatch/task-machine.ts';
import { retryAfterMs } from '../../../../master/dispatch/retry-policy.ts';
import { hasCode } from '../../../../shared/base/errors.ts';
import { type TaskState, taskStates } from '../../../../shared/domain/task.ts';

const events: readonly TaskEvent[] = ['assign', 'fetch', 'report', 'retry', 'end'];

describe('nextState', () => {
  it('leads a backup from the queue to its end', () => {
    const way: TaskEvent[] = ['assign', 'fetch', 'retry', 'assign', 'fetch', 'report', 'end'];
    assert.equal(way.reduce<TaskState>(nextState, 'queued'), 'done');
  });

  for (const state of taskStates) {
    for (const event of events.filter((candidate) => taskTransitions[state][candidate] === undefined)) {
      it(`refuses to ${event} what is ${state}`, () => {
        try {
          nextState(state, event);
          assert.fail('it was allowed');
        } catch (error) {
          assert.isTrue(hasCode(error, 'BUG_INVARIANT'));
        }
      });
    }
  }

  it('never leaves done, and seals only what runs', () => {
    const property = fc.property(fc.array(fc.constantFrom(...events)), (way) => {
      let state: TaskState = 'queued';
      for (const event of way) {
        const next: TaskState | undefined = taskTransitions[state][event];
        if (state === 'done') assert.isUndefined(next);
        if (next === 'sealing') assert.equal(state, 'running');
        state = next ?? state;
      }
    });
    fc.assert(property);
  });
});

describe('retryAfterMs', () => {
  const limits = { taskAttempts: 3, retryDelayMs: 100 };
  const cases = [
    { code: 'WORKER_DIED', attempt: 1, after: 100 },
    { code: 'WORKER_DIED', attempt: 2, after: 200 },
    { code: 'WORKER_DIED', attempt: 3, after: undefined },
    { code: 'VSPHERE_NOT_AUTHENTICATED', attempt: 1, after: 100 },
    { code: 'VSPHERE_FILE_LOCKED', attempt: 1, after: 400 },
    { code: 'VSPHERE_OBJECT_GONE', attempt: 1, after: undefined },
    { code: 'CANCELLED', attempt: 1, after: undefined },
    { code: 'BUG_UNEXPECTED', attempt: 1, after: undefined },
  ] as const;
  for (const { code, attempt, after } of cases) {
    it(`answers ${after ?? 'to give up'} for ${code} in attempt ${attempt}`, () => {
      assert.equal(retryAfterMs(code, attempt, limits), after);
    });
  }
});
