import { assert } from 'chai';
import path from 'node:path';
import { dataFolder } from '../../../master/cli/data-folder.ts';
import { exitOfError } from '../../../master/cli/exit-codes.ts';
import {
  clip,
  formatCount,
  formatElapsed,
  formatPercent,
  plural,
  printable,
} from '../../../master/cli/format.ts';
import { fingerprint, serverUrl } from '../../../master/cli/options.ts';
import { renderTable } from '../../../master/cli/table.ts';
import { AppError } from '../../../shared/base/errors.ts';

describe('dataFolder', () => {
  const none = (): undefined => undefined;
  const around = { platform: 'linux', home: '/home/u', env: none } as const;

  it('prefers what was given, then the variable, then the place of the platform', () => {
    const env = (name: string) => (name === 'BLOCKHOUSE_DATA' ? 'from-env' : undefined);
    assert.equal(dataFolder('given', '/work', { ...around, env }), path.resolve('/work/given'));
    assert.equal(dataFolder(undefined, '/work', { ...around, env }), path.resolve('/work/from-env'));
    assert.equal(dataFolder(undefined, '/work', around), path.resolve('/home/u/.local/share/blockhouse'));
  });

  for (const [platform, end] of [
    ['win32', 'Blockhouse'],
    ['darwin', 'Blockhouse'],
    ['freebsd', 'blockhouse'],
  ] as const) {
    it(`knows the place on ${platform}`, () => {
      const folder = dataFolder(undefined, '/work', { ...around, platform });
      assert.isTrue(folder.startsWith(path.resolve('/home/u')) && folder.endsWith(end), folder);
    });
  }
});

describe('serverUrl', () => {
  for (const [text, url] of [
    ['vc.example.org', 'https://vc.example.org/sdk'],
    ['https://vc', 'https://vc/sdk'],
    ['https://vc:8443/', 'https://vc:8443/sdk'],
    ['https://vc/sdk', 'https://vc/sdk'],
    ['https://vc/other', 'https://vc/other'],
    ['[fe80::1]:443', 'https://[fe80::1]/sdk'],
  ] as const) {
    it(`takes ${text} as ${url}`, () => assert.equal(serverUrl(text), url));
  }
  for (const text of ['http://vc', 'ftp://vc', 'https://', 'https://user:secret@vc', '', 'a b']) {
    it(`refuses "${text}"`, () => {
      try {
        serverUrl(text);
        assert.fail('it was taken');
      } catch (error) {
        assert.instanceOf(error, AppError);
        if (text.includes('@')) assert.notInclude(error.message, 'secret');
      }
    });
  }
});

describe('fingerprint', () => {
  const pairs = Array.from({ length: 32 }, () => 'AB');
  for (const text of [
    pairs.join(':'),
    pairs.join(''),
    pairs.join(':').toLowerCase(),
    ` ${pairs.join(':')} `,
  ]) {
    it(`takes ${text.slice(0, 8)}…`, () => assert.equal(fingerprint(text), pairs.join(':')));
  }
  for (const text of ['', 'AB', `${pairs.join(':')}:`, `${pairs.join(':')}:AB`, pairs.join('-')]) {
    it(`refuses "${text.slice(0, 8)}…${text.slice(-3)}"`, () =>
      assert.throws(() => fingerprint(text), AppError));
  }
});

describe('renderTable', () => {
  const columns = [{ head: 'VM' }, { head: 'SIZE', align: 'right' }] as const;

  it('aligns texts to the left and figures to the right, without borders or trailing blanks', () => {
    const table = renderTable(columns, [
      ['db01', '1.00 GiB'],
      ['a', '64 KiB'],
    ]);
    assert.deepEqual(table.split('\n'), ['VM        SIZE', 'db01  1.00 GiB', 'a       64 KiB']);
  });

  it('keeps every row on one line where no width is given', () => {
    assert.lengthOf(renderTable(columns, [['x'.repeat(300), '1 B']]).split('\n'), 2);
  });

  it('wraps the widest column until the table fits', () => {
    const lines = renderTable(columns, [['x'.repeat(300), '1.00 GiB']], 60).split('\n');
    for (const line of lines) assert.isAtMost(line.length, 60);
    assert.equal(lines.join('').replaceAll(/[^x]/g, '').length, 300);
  });

  it('shows only its heads without rows', () => assert.equal(renderTable(columns, []), 'VM  SIZE'));
});

describe('values in a terminal', () => {
  it('are short and say nothing where there is nothing', () => {
    assert.equal(formatCount(0), '-');
    assert.equal(formatCount(null), '-');
    assert.equal(formatPercent(0, 0), '-');
    assert.equal(formatPercent(2, 3), '66 %');
    assert.equal(formatElapsed(null, null, 5), '-');
    assert.equal(formatElapsed('2026-05-01T00:00:00Z', null, Date.parse('2026-05-01T00:00:12Z')), '12 s');
    assert.deepEqual([plural(1, 'VM'), plural(2, 'VM')], ['1 VM', '2 VMs']);
    assert.equal(clip('abcdef', 4), 'abc…');
    assert.equal(printable('a\u001b[31mb\tc\u0007'), 'a?[31mb\tc?');
  });
});

describe('exitOfError', () => {
  it('never makes a failed command look like a success', () => {
    assert.equal(exitOfError({ code: 'CBT_UNAVAILABLE' }), 1);
    assert.equal(exitOfError({ code: 'REPO_CHUNK_DAMAGED' }), 14);
  });
});
