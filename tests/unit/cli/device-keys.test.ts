/** Encrypted devices at the command line: passwords by file, variable or terminal, and none of them shown. */
import { assert } from 'chai';
import { CliWorld } from '../../support/cli-world.ts';

const PASSWORD = 'very secret';
const env = { PASSWORD };

describe('device passwords', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  const said = (): string => world.core.calls.join('\n');

  it('makes an encrypted device with a password of a variable', async () => {
    const add = ['device', 'add', 'disk1', '--path', '/backup/disk1', '--encrypt', '--label', 'safe'];
    const result = await world.run([...add, '--password-env', 'PASSWORD'], { env });
    assert.equal(result.code, 0, result.stderr);
    assert.include(said(), '"encrypt":true');
    assert.include(said(), '"label":"safe"');
    assert.match(result.stdout, /encrypted/);
    assert.notInclude(result.stdout + result.stderr, PASSWORD);
    assert.match((await world.run(['device', 'show', 'disk1'])).stdout, /Encrypted +yes/);
  });

  it('asks twice for the password of a new device, and takes no two that differ', async () => {
    const add = ['device', 'add', 'disk1', '--path', '/backup/disk1', '--encrypt'];
    assert.equal((await world.run(add, { typed: [PASSWORD, PASSWORD] })).code, 0);
    const other = ['device', 'add', 'disk2', '--path', '/backup/disk2', '--encrypt'];
    const differing = await world.run(other, { typed: [PASSWORD, 'another'] });
    assert.equal(differing.code, 2);
    assert.include(differing.stderr, 'not the same');
    assert.equal((await world.run(other, { typed: ['', ''] })).code, 2);
    assert.equal((await world.run(other)).code, 2, 'nobody to ask');
  });

  it('asks for the password of a device that turns out to be encrypted', async () => {
    const add = ['device', 'add', 'disk1', '--path', '/backup/locked'];
    const result = await world.run(add, { typed: [PASSWORD] });
    assert.equal(result.code, 0, result.stderr);
    const unasked = await world.run(['device', 'add', 'disk2', '--path', '/backup/locked']);
    assert.equal(unasked.code, 12);
    assert.include(unasked.stderr, 'it is encrypted');
  });

  it('lists, adds, changes and removes passwords, and gives the service one', async () => {
    await world.run(['device', 'add', 'disk1', '--path', '/backup/disk1']);
    const list = await world.run(['device', 'key', 'list', 'disk1']);
    assert.match(list.stdout, /00112233445566bb +night operator +\S+ +in use/);
    assert.match(list.stdout, /ffffffffffffffff +damaged/);
    const given = ['--password-env', 'PASSWORD'];
    const commands = [
      ['device', 'key', 'add', 'disk1', '--label', 'spare', ...given],
      ['device', 'key', 'add', 'disk1', ...given],
      ['device', 'key', 'change', 'disk1', ...given],
      ['device', 'key', 'remove', 'disk1', '00112233445566bb', '--yes'],
      ['device', 'unlock', 'disk1', ...given],
    ];
    for (const command of commands) {
      const result = await world.run(command, { env });
      assert.equal(result.code, 0, result.stderr);
      assert.notInclude(result.stdout + result.stderr, PASSWORD);
    }
    for (const call of ['keys.add disk1', 'keys.change disk1', 'keys.remove disk1', 'keys.unlock disk1']) {
      assert.include(said(), call);
    }
  });

  it('says why there is no password to be had', async () => {
    await world.run(['device', 'add', 'disk1', '--path', '/backup/disk1']);
    const unlock = ['device', 'unlock', 'disk1'];
    for (const options of [[], ['--password-env', 'NONE'], ['--password-file', 'nowhere.txt']]) {
      assert.equal((await world.run([...unlock, ...options])).code, 2, options.join(' '));
    }
    assert.equal((await world.run(unlock, { typed: [PASSWORD] })).code, 0);
  });
});
