import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../../../shared/base/errors.ts';
import { describeError, openLog, redact, silentLog } from '../../../shared/base/log.ts';
import { tempFolder } from '../../support/temp.ts';

describe('redact', () => {
  it('cuts out fields by their name, at any depth', () => {
    const shown = redact({
      user: 'anna',
      password: 'geheim',
      nested: [{ apiKey: 'k', sessionId: 's', passphrase: 'p', Authorization: 'a', token: null }],
    });
    assert.deepEqual(shown, {
      user: 'anna',
      password: '[redacted]',
      nested: [
        {
          apiKey: '[redacted]',
          sessionId: '[redacted]',
          passphrase: '[redacted]',
          Authorization: '[redacted]',
          token: null,
        },
      ],
    });
  });

  it('cuts out keys of devices, and shows those of disks', () => {
    const shown = redact({ device: { key: 'ab'.repeat(32), masterKey: 'cd', name: 'tape0' }, key: 2000 });
    const device = { key: '[redacted]', masterKey: '[redacted]', name: 'tape0' };
    assert.deepEqual(shown, { device, key: 2000 });
    assert.deepEqual(redact({ key: null }), { key: null });
  });

  for (const [text, shown] of [
    ['Cookie: vmware_soap_session=abc123; Path=/', 'Cookie: vmware_soap_session=[redacted]; Path=/'],
    ['<password>geheim</password>', '<password>[redacted]</password>'],
    ['Bearer abc.def-123', 'Bearer [redacted]'],
    ['Basic YTpi', 'Basic [redacted]'],
    ['nothing of the kind', 'nothing of the kind'],
  ] as const) {
    it(`leaves of "${text}" what may be seen`, () => assert.equal(redact(text), shown));
  }

  it('keeps plain values, names the length of bytes, and stops at depth', () => {
    assert.equal(redact(5), 5);
    assert.equal(redact(null), null);
    assert.equal(redact(new Uint8Array(7)), '[7 bytes]');
    const ring: Record<string, unknown> = {};
    ring['next'] = ring;
    assert.include(JSON.stringify(redact(ring)), '[deep]');
  });

  it('shows an error as code, message and facts, without its secrets', () => {
    const error = new AppError('DEVICE_FULL', 'Bearer abc', { token: 'abc', device: 'd' });
    assert.deepEqual(redact(error), {
      code: 'DEVICE_FULL',
      message: 'Bearer [redacted]',
      facts: { token: '[redacted]', device: 'd' },
    });
  });
});

describe('describeError', () => {
  it('follows the causes, and has the stack only of a bug', () => {
    const inner = new AppError('REPO_READ_FAILED', 'Inner', {}, new Error('disk'));
    assert.deepEqual(describeError(new AppError('VERIFY_FAILED', 'Outer', {}, inner)), {
      code: 'VERIFY_FAILED',
      message: 'Outer',
      cause: { code: 'REPO_READ_FAILED', message: 'Inner', cause: 'Error: disk' },
    });
    assert.property(describeError(new Error('odd')), 'stack');
    assert.equal(describeError(new AppError('CANCELLED', 'x', {}, 'text'))['cause'], 'text');
  });
});

describe('openLog', () => {
  it('writes a JSON object a line, with fixed fields and without secrets', async () => {
    await using folder = await tempFolder();
    const log = openLog({ kind: 'worker', folder: folder.path, level: 'debug' });
    assert.isTrue(log.isDebug());
    log.debug('begins');
    log.child({ taskId: 7 }).info('opened', { password: 'geheim' });
    log.warn('slow');
    log.error('failed', { error: new AppError('DEVICE_FULL', 'Full') });
    const lines = await linesOf(folder.file('worker.log'), 4);
    const shown = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    assert.deepEqual(
      shown.map((line) => line['level']),
      ['debug', 'info', 'warn', 'error'],
    );
    assert.include(shown[1], { kind: 'worker', taskId: 7, password: '[redacted]', message: 'opened' });
    assert.deepEqual(shown[3]?.['error'], { code: 'DEVICE_FULL', message: 'Full' });
  });

  it('leaves out what is below its level', () => {
    assert.isFalse(openLog({ kind: 'master', level: 'warn' }).isDebug());
  });
});

describe('silentLog', () => {
  it('takes everything and keeps nothing', () => {
    for (const level of ['debug', 'info', 'warn', 'error'] as const) silentLog[level]('x');
    assert.equal(silentLog.child({ a: 1 }), silentLog);
    assert.isFalse(silentLog.isDebug());
  });
});

async function linesOf(file: string, count: number): Promise<string[]> {
  for (let tries = 0; tries < 200; tries++) {
    const text = await readFile(file, 'utf8').catch(() => '');
    const lines = text.split('\n').filter((line) => line !== '');
    if (lines.length >= count) return lines;
    await sleep(10);
  }
  throw new Error(`"${file}" has fewer than ${count} lines`);
}
