import { assert } from 'chai';
import { AppError } from '../../../../shared/base/errors.ts';
import { decodeLogState } from '../../../../worker/filter/ntfs/log-file.ts';
import { type RestartFields, restartPage } from '../../../support/ntfs-bytes.ts';

const stateOf = (first: RestartFields, second: RestartFields = first): string =>
  decodeLogState(Buffer.concat([restartPage(first), restartPage(second)]), 4096).kind;
const open: RestartFields = { flags: 0 };

describe('decodeLogState', () => {
  const cases: readonly [string, RestartFields, RestartFields, string][] = [
    ['both pages closed', {}, {}, 'clean'],
    ['version 2.0, closed', { version: [2, 0] }, { version: [2, 0] }, 'clean'],
    ['no client in use', { flags: 0, inUse: 0xffff }, { flags: 0, inUse: 0xffff }, 'clean'],
    ['pages written by chkdsk', { magic: 'CHKD' }, { magic: 'CHKD' }, 'clean'],
    ['both pages open', open, open, 'open'],
    ['the newer page open', { lsn: 5n }, { ...open, lsn: 6n }, 'open'],
    ['the newer page closed', { lsn: 6n }, { ...open, lsn: 5n }, 'clean'],
    ['pages of one age that disagree', {}, open, 'open'],
  ];
  for (const [name, first, second, expected] of cases) {
    it(`calls ${name} ${expected}`, () => assert.equal(stateOf(first, second), expected));
  }

  it('calls nothing but FF blank', () => {
    assert.deepEqual(decodeLogState(Buffer.alloc(8192, 0xff), 0), { kind: 'blank' });
  });

  for (const [name, fields] of [
    ['version 1.0', { version: [1, 0] }],
    ['version 3.0', { version: [3, 0] }],
    ['log pages of 8 KiB', { pageBytes: 8192 }],
  ] as const) {
    it(`closes a gate for ${name}`, () => {
      try {
        stateOf(fields);
        assert.fail('nothing was thrown');
      } catch (error) {
        assert.equal((error as AppError).facts['gate'], 'log-version');
      }
    });
  }

  const damages: readonly [string, (pages: Buffer) => void][] = [
    ['a torn first page', (pages) => pages.writeUInt16LE(99, 1022)],
    ['a torn second page', (pages) => pages.writeUInt16LE(99, 8190)],
    ['a first page of zeros', (pages) => pages.fill(0, 0, 4096)],
    ['a second page of FF', (pages) => pages.fill(0xff, 4096)],
    ['an area at an odd place', (pages) => pages.writeUInt16LE(65, 24)],
    ['an area past the page', (pages) => pages.writeUInt16LE(4096, 24)],
  ];
  for (const [name, spoil] of damages) {
    it(`refuses ${name}`, () => {
      const pages = Buffer.concat([restartPage(), restartPage()]);
      spoil(pages);
      assert.throws(() => decodeLogState(pages, 0), AppError, 'restart page of $LogFile');
    });
  }
});
