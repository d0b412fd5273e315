import { assert } from 'chai';
import { open } from 'node:fs/promises';
import { AppError, hasCode, isAppError, systemCode, toAppError } from '../../../shared/base/errors.ts';
import { invariant } from '../../../shared/base/assert.ts';
import { readEnv } from '../../../shared/base/env.ts';

describe('AppError', () => {
  it('keeps code, facts and cause, and takes its advice from the table', () => {
    const cause = new Error('inner');
    const error = new AppError('DEVICE_FULL', 'Cannot write the pack', { device: 'd1' }, cause);
    assert.equal(error.message, 'Cannot write the pack');
    assert.deepEqual(error.facts, { device: 'd1' });
    assert.equal(error.cause, cause);
    assert.include(error.help, 'Make space');
  });

  it('has no cause when none is given', () => {
    assert.isFalse('cause' in new AppError('CANCELLED', 'It was cancelled'));
  });
});

describe('hasCode', () => {
  it('is true for one of the codes only', () => {
    const error = new AppError('DEVICE_FULL', 'Full');
    assert.isTrue(hasCode(error, 'CANCELLED', 'DEVICE_FULL'));
    assert.isFalse(hasCode(error, 'CANCELLED'));
    assert.isFalse(hasCode(new Error('DEVICE_FULL'), 'DEVICE_FULL'));
  });
});

describe('toAppError', () => {
  const known = new AppError('DEVICE_FULL', 'Full');
  const abortOf = (cause: unknown): Error =>
    Object.assign(new Error('aborted', { cause }), { name: 'AbortError' });

  it('gives an AppError back as it is', () => {
    assert.equal(toAppError(known), known);
  });

  it('takes an abort for a cancel, or for the AppError that it was aborted with', () => {
    assert.equal(toAppError(abortOf(undefined)).code, 'CANCELLED');
    assert.equal(toAppError(abortOf(known)), known);
  });

  for (const [what, thrown, message] of [
    ['an error', new Error('odd'), 'Unexpected failure: odd'],
    ['a text', 'odd', 'Unexpected failure: odd'],
    ['nothing', undefined, 'Unexpected failure: undefined'],
  ] as const) {
    it(`calls ${what} that nobody expected a bug of ours`, () => {
      const error = toAppError(thrown);
      assert.equal(error.code, 'BUG_UNEXPECTED');
      assert.equal(error.message, message);
      assert.isTrue(isAppError(error));
    });
  }
});

describe('systemCode', () => {
  it("is the system's name for a failed call", async () => {
    const error: unknown = await open('/does/not/exist').catch((caught: unknown) => caught);
    assert.equal(systemCode(error), 'ENOENT');
  });

  it('is undefined for whatever has none', () => {
    for (const each of [undefined, null, 'ENOENT', {}, { code: 5 }]) assert.isUndefined(systemCode(each));
  });
});

describe('invariant', () => {
  it('lets a true condition pass, and calls a false one a bug', () => {
    invariant(true, 'never said');
    try {
      const isEqual: boolean = JSON.parse('false') as boolean;
      invariant(isEqual, 'one is two', { one: 1 });
      assert.fail('it passed');
    } catch (error) {
      assert.isTrue(hasCode(error, 'BUG_INVARIANT'));
      assert.equal(toAppError(error).message, 'Broken invariant: one is two');
    }
  });
});

describe('readEnv', () => {
  it('takes an empty variable for none', () => {
    process.env['BLOCKHOUSE_TEST_VALUE'] = 'x';
    assert.equal(readEnv('BLOCKHOUSE_TEST_VALUE'), 'x');
    process.env['BLOCKHOUSE_TEST_VALUE'] = '';
    assert.isUndefined(readEnv('BLOCKHOUSE_TEST_VALUE'));
    delete process.env['BLOCKHOUSE_TEST_VALUE'];
    assert.isUndefined(readEnv('BLOCKHOUSE_TEST_VALUE'));
  });
});
