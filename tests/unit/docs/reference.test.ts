import { assert } from 'chai';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { renderReference } from '../../../scripts/reference/render.ts';
import { errorTable } from '../../../shared/base/error-table.ts';
import { configSchema } from '../../../shared/contract/config.ts';
import { routes } from '../../../shared/contract/routes.ts';

const root = path.resolve(import.meta.dirname, '../../..');
const read = (file: string): Promise<string> => readFile(path.join(root, file), 'utf8');

describe('derived files', () => {
  it('are what their sources make (npx tsx scripts/gen-reference.ts)', async () => {
    for (const [file, text] of Object.entries(await renderReference())) {
      assert.equal(await read(file), text, file);
    }
  }).timeout(30_000);
});

describe('docs/protocol/http.md', () => {
  it('lists the routes of the contract with their status, and no others', async () => {
    const rows = (await read('docs/protocol/http.md')).matchAll(/^\| `([A-Z]+ \S+)` +\|[^|]*\| (\d+) /gm);
    const listed = [...rows].map(([, route, status]) => `${route} ${status}`);
    const real = Object.values(routes).map((route) => `${route.method} ${route.path} ${route.status}`);
    assert.sameMembers(listed, real);
  });
});

describe('docs/operations/exit-codes.md', () => {
  it('explains every exit code of the error table', async () => {
    const rows = (await read('docs/operations/exit-codes.md')).matchAll(/^\| (\d+) /gm);
    const explained = [...rows].map(([, code]) => Number(code));
    assert.sameMembers(explained, [...new Set(Object.values(errorTable).map((row) => row.exit))]);
  });
});

describe('config/example.json', () => {
  it('is a settings file that the service takes', async () => {
    const { $schema, ...settings } = JSON.parse(await read('config/example.json')) as Record<string, unknown>;
    assert.equal($schema, './config.schema.json');
    assert.isTrue(configSchema.safeParse(settings).success);
  });
});
