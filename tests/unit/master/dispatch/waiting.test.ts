import { assert } from 'chai';
import { ProgressTracker } from '../../../../master/dispatch/progress-tracker.ts';
import { Revisions } from '../../../../master/dispatch/revisions.ts';
import { waitReason } from '../../../../master/dispatch/wait-reason.ts';
import { systemClock } from '../../../../shared/base/clock.ts';

describe('waitReason', () => {
  const tape = { name: 'tape0', free: 0, holders: [{ runId: 41, taskId: 7 }] };
  const calm = {
    runId: 50,
    attempt: 1,
    pauseMs: 0,
    busyWith: undefined,
    leftOver: undefined,
    setting: 2,
    inUse: 0,
    starting: 0,
    ahead: 0,
    devices: [tape],
  };
  const cases = [
    { more: {}, text: 'waits for a stream of device "tape0", held by run 41, task 7' },
    { more: { pauseMs: 4_200, attempt: 2 }, text: 'waits 5 s before attempt 2' },
    { more: { pauseMs: 90_000, attempt: 3 }, text: 'waits 1 min 30 s before attempt 3' },
    { more: { inUse: 2 }, text: 'waits for its turn: 2 of 2 streams of this run are in use' },
    {
      more: { busyWith: { runId: 3, taskId: 4 } },
      text: 'waits for run 3, task 4, which works on the same VM',
    },
    { more: { leftOver: 'x' }, text: 'waits until the snapshot "x" of an earlier attempt is removed' },
    {
      more: { inUse: 1, devices: [{ ...tape, holders: [{ runId: 50, taskId: 8 }] }] },
      text: 'waits for its turn: this run uses every stream of device "tape0"',
    },
    { more: { inUse: 2, starting: 2, ahead: 1 }, text: 'waits for a worker to start' },
    {
      more: { inUse: 2, starting: 1, ahead: 1 },
      text: 'waits for its turn: 2 of 2 streams of this run are in use',
    },
    { more: { devices: [] }, text: 'waits for a device' },
    { more: { devices: [{ ...tape, free: 1 }] }, text: 'waits for a worker to start' },
    {
      more: { devices: [{ ...tape, holders: [] }] },
      text: 'waits for a stream of device "tape0", which has none',
    },
    {
      more: {
        devices: [
          { ...tape, holders: [{ runId: 1, taskId: null }, ...tape.holders] },
          { ...tape, name: 'b' },
        ],
      },
      text: 'waits for a stream of device "tape0" or "b", held by run 1 and 1 more',
    },
  ];
  for (const { more, text } of cases) it(text, () => assert.equal(waitReason({ ...calm, ...more }), text));
});

describe('ProgressTracker', () => {
  const report = (doneBytes: number, phase: 'read' | 'write' = 'read') => ({
    phase,
    what: 'disk',
    doneBytes,
    totalBytes: 4000,
  });

  it('tells the rate of the last seconds and the time that is left', () => {
    const tracker = new ProgressTracker();
    tracker.report(1, report(0), 0);
    assert.deepInclude(tracker.view(1), { bytesPerSecond: 0, etaMs: null });
    tracker.report(1, report(1000), 1000);
    assert.deepInclude(tracker.view(1), { bytesPerSecond: 1000, etaMs: 3000 });
    tracker.report(1, report(1000), 30_000);
    assert.deepInclude(tracker.view(1), { bytesPerSecond: 0 });
  });

  it('begins anew with a new phase, and forgets', () => {
    const tracker = new ProgressTracker();
    tracker.report(1, report(0), 0);
    tracker.report(1, report(4000), 1000);
    tracker.report(1, report(100, 'write'), 2000);
    assert.deepInclude(tracker.view(1), { bytesPerSecond: 0, phase: 'write' });
    tracker.forget(1);
    assert.isUndefined(tracker.view(1));
  });
});

describe('Revisions', () => {
  const limit = (waitMs: number, signal = new AbortController().signal) => ({
    waitMs,
    clock: systemClock,
    signal,
  });

  it('answers at once when something changed already, or nothing can change any more', async () => {
    const revisions = new Revisions();
    revisions.begin(1);
    revisions.bump(1);
    assert.equal(revisions.current(1), 2);
    await revisions.wait(1, 1, limit(60_000));
    await revisions.wait(9, 1, limit(60_000));
  });

  it('answers with the next change, the end, the time or the abort', async () => {
    const revisions = new Revisions();
    revisions.begin(1);
    const changed = revisions.wait(1, 1, limit(60_000));
    revisions.bump(1);
    await changed;
    const ended = revisions.wait(1, 2, limit(60_000));
    const abort = new AbortController();
    const aborted = revisions.wait(1, 2, limit(60_000, abort.signal));
    abort.abort();
    await aborted;
    await revisions.wait(1, 2, limit(5));
    revisions.end(1);
    await ended;
    assert.isUndefined(revisions.current(1));
  });
});
