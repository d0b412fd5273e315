import { assert } from 'chai';
import { parseExcludedPath } from '../../../shared/domain/excluded-path.ts';

describe('parseExcludedPath', () => {
  const paths: readonly (readonly [string, string | null, readonly string[]])[] = [
    ['\\Temp', null, ['Temp']],
    ['/Temp', null, ['Temp']],
    ['\\Temp\\', null, ['Temp']],
    ['\\Program Files\\App\\cache.db', null, ['Program Files', 'App', 'cache.db']],
    ['Data:\\Cache', 'Data', ['Cache']],
    ['Local Disk:/a/b', 'Local Disk', ['a', 'b']],
    ['\\..hidden', null, ['..hidden']],
    ['\\a\\System Volume Information', null, ['a', 'System Volume Information']],
  ];
  for (const [text, label, names] of paths) {
    it(`reads "${text}"`, () => assert.deepEqual(parseExcludedPath(text), { text, label, names }));
  }

  const wrong: readonly (readonly [string, string])[] = [
    ['', 'does not begin with'],
    ['Temp', 'does not begin with'],
    ['Temp\\a', 'does not begin with'],
    ['Data:Temp', 'does not begin with'],
    ['\\Data:\\Temp', 'does not begin with'],
    ['C:\\Temp', 'drive letters'],
    ['c:/Temp', 'drive letters'],
    [':\\Temp', 'drive letters'],
    ['\\', 'all of a volume'],
    ['Data:\\', 'all of a volume'],
    ['\\a\\\\b', '"" is no name'],
    ['\\a\\..', '".." is no name'],
    ['\\.', '"." is no name'],
    ['\\*.tmp', 'no wildcards'],
    ['\\Temp:stream', 'does not begin with'],
    ['\\a\u0007', 'is no name'],
    [`\\${'a'.repeat(256)}`, 'is no name'],
    ['\\system volume information\\x', 'Windows keeps'],
  ];
  for (const [text, problem] of wrong) {
    it(`refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
      const path = parseExcludedPath(text);
      assert.include('problem' in path ? path.problem : 'nothing', problem);
    });
  }
});
