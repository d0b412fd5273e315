import { assert } from 'chai';
import { backupTypes, requestedTypes } from '../../../shared/domain/backup-type.ts';
import { type ChangeId, parseChangeId, whyNotComparable } from '../../../shared/domain/change-id.ts';
import { consistencyLadder } from '../../../shared/domain/consistency.ts';
import { type Outcome, addCounters, bottleneckOf, noBytes, runOutcome } from '../../../shared/domain/task.ts';

const EPOCH = '52 de c0 d9 b9 43 9d 10-61 d5 4c 1b e9 7b 65 63';

describe('requestedTypes', () => {
  it('are the types of a saveset, and auto', () =>
    assert.deepEqual([...requestedTypes], [...backupTypes, 'auto']));
});

describe('parseChangeId', () => {
  it('splits epoch and sequence', () => {
    assert.deepEqual(parseChangeId(` ${EPOCH.toUpperCase()}/41 `), { epoch: EPOCH, sequence: 41 });
  });

  for (const text of ['*', '', EPOCH, `${EPOCH}/`, `${EPOCH}/x`, `${EPOCH}/1234567890123456`, '52 de/4']) {
    it(`takes "${text}" for none`, () => assert.isUndefined(parseChangeId(text)));
  }
});

describe('whyNotComparable', () => {
  const at = (sequence: number, epoch = EPOCH): ChangeId => ({ epoch, sequence });

  it('has nothing against a later or the same mark of one epoch', () => {
    assert.isUndefined(whyNotComparable(at(4), at(4)));
    assert.isUndefined(whyNotComparable(at(4), at(5)));
  });

  it('names another epoch, and a disk that went back', () => {
    assert.match(whyNotComparable(at(4), at(5, 'other')) ?? '', /anew/);
    assert.match(whyNotComparable(at(5), at(4)) ?? '', /before the base/);
  });
});

describe('consistencyLadder', () => {
  it('goes down from what was asked for, where that is allowed', () => {
    assert.deepEqual(consistencyLadder('application', true), ['application', 'filesystem', 'crash']);
    assert.deepEqual(consistencyLadder('crash', true), ['crash']);
    assert.deepEqual(consistencyLadder('application', false), ['application']);
  });
});

describe('runOutcome', () => {
  const table: readonly (readonly [readonly Outcome[], string])[] = [
    [[], 'ok'],
    [['ok', 'ok'], 'ok'],
    [['ok', 'warning'], 'warning'],
    [['warning', 'cancelled'], 'cancelled'],
    [['failed', 'failed'], 'failed'],
    [['failed', 'ok'], 'partly'],
  ];
  for (const [tasks, outcome] of table) {
    it(`is ${outcome} for ${tasks.join(', ') || 'nothing'}`, () => assert.equal(runOutcome(tasks), outcome));
  }
});

describe('addCounters', () => {
  it('adds each figure', () => {
    const one = { ...noBytes, read: 5, stored: 2 };
    assert.deepEqual(addCounters(one, { ...noBytes, read: 1, zero: 3 }), {
      ...noBytes,
      read: 6,
      stored: 2,
      zero: 3,
    });
  });
});

describe('bottleneckOf', () => {
  it('names what storing waited for most, and its share of the three', () => {
    assert.deepEqual(bottleneckOf({ read: 100, code: 250, write: 150, snapshot: 9000 }), {
      what: 'threads',
      share: 0.5,
    });
    assert.deepEqual(bottleneckOf({ read: 30, code: 10 }), { what: 'source', share: 0.75 });
    assert.deepEqual(bottleneckOf({ code: 0, write: 10 }), { what: 'device', share: 1 });
  });

  it('is not known where nothing was stored', () => {
    assert.isUndefined(bottleneckOf({ read: 100 }));
    assert.isUndefined(bottleneckOf({ read: 0, code: 0, write: 0 }));
  });
});
