import { assert } from 'chai';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ErrorRow, errorTable, isErrorCode } from '../../../shared/base/error-table.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const rows: readonly (readonly [string, ErrorRow])[] = Object.entries(errorTable);

/** The source of all floors but the table itself. */
async function sourceText(): Promise<string> {
  const texts: string[] = [];
  for (const floor of ['master', 'worker', 'shared']) {
    const names = await readdir(path.join(root, floor), { recursive: true });
    for (const name of names.filter((each) => each.endsWith('.ts') && !each.endsWith('error-table.ts'))) {
      texts.push(await readFile(path.join(root, floor, name), 'utf8'));
    }
  }
  return texts.join('\n');
}

describe('errorTable', () => {
  it('has no row that the source never uses', async () => {
    const used = new Set((await sourceText()).match(/(?<=['.])[A-Z][A-Z_]+\b/g));
    const idle = rows.map(([code]) => code).filter((code) => !used.has(code));
    assert.deepEqual(idle, []);
  });

  it('belongs with every code to a family of the manual', () => {
    for (const [code] of rows) assert.match(code, /^[A-Z]+(_[A-Z]+)*$/);
  });

  it('gives every failure an advice, and an exit code that a shell can see', () => {
    for (const [code, row] of rows) {
      assert.isAbove(row.help.length, 10, code);
      assert.notMatch(row.help, /\.$/, code);
      assert.isTrue(row.exit >= 0 && row.exit < 256, code);
      assert.isTrue(row.http >= 200 && row.http < 600, code);
    }
  });
});

describe('isErrorCode', () => {
  it('knows the rows, and takes nothing from the prototype for one', () => {
    assert.isTrue(isErrorCode('CANCELLED'));
    for (const text of ['', 'cancelled', 'toString', '__proto__']) assert.isFalse(isErrorCode(text), text);
  });
});
