import { assert } from 'chai';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { Secrets } from '../../../master/secrets.ts';
import { hasCode } from '../../../shared/base/errors.ts';
import { tempFolder } from '../../support/temp.ts';

describe('Secrets', () => {
  it('gives back what was put, also after a new opening', async () => {
    await using folder = await tempFolder();
    const secrets = await Secrets.open(folder.path);
    await Promise.all([secrets.put('a', 'öffne dich'), secrets.put('b', '')]);
    const again = await Secrets.open(folder.path);
    assert.equal(again.get('a'), 'öffne dich');
    assert.equal(again.get('b'), '');
    await again.remove('a');
    assert.throws(() => again.get('a'), /Cannot open the password of server "a"/);
  });

  it('writes files that only their owner can read, without the secret', async () => {
    await using folder = await tempFolder();
    const secrets = await Secrets.open(folder.path);
    await secrets.put('a', 'geheim');
    for (const name of ['secret.key', 'secrets.json']) {
      assert.equal((await stat(folder.file(name))).mode & 0o777, 0o600);
      assert.notInclude((await readFile(folder.file(name))).toString('latin1'), 'geheim');
    }
  });

  it('does not open one server’s password for another, nor a damaged one', async () => {
    await using folder = await tempFolder();
    await (await Secrets.open(folder.path)).put('a', 'geheim');
    const sealed = JSON.parse(await readFile(folder.file('secrets.json'), 'utf8')) as Record<string, string>;
    await writeFile(
      folder.file('secrets.json'),
      JSON.stringify({ b: sealed['a'], c: 'AAAA', a: sealed['a'] }),
    );
    const secrets = await Secrets.open(folder.path);
    assert.equal(secrets.get('a'), 'geheim');
    assert.throws(() => secrets.get('b'), /Cannot open/);
    assert.throws(() => secrets.get('c'), /Cannot open/);
  });

  for (const [name, content] of [
    ['secret.key', 'short'],
    ['secrets.json', '{"a": 5}'],
    ['secrets.json', '{'],
  ] as const) {
    it(`refuses a ${name} that holds ${content}`, async () => {
      await using folder = await tempFolder();
      await writeFile(folder.file(name), content);
      const error: unknown = await Secrets.open(folder.path).catch((caught: unknown) => caught);
      assert.isTrue(hasCode(error, 'CONFIG_INVALID'));
    });
  }
});
