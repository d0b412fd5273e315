import { assert } from 'chai';
import { CliWorld } from '../../support/cli-world.ts';

const add = ['job', 'add', 'nightly', '--server', 'vc1', '--vm', 'db*', '--device', 'disk1'];

describe('the commands of jobs', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
    const env = { VC_PASSWORD: 'very secret' };
    const server = ['server', 'add', 'vc1', '--url', 'vc.example.org', '--user', 'backup'];
    assert.equal((await world.run([...server, '--password-env', 'VC_PASSWORD'], { env })).code, 0);
    assert.equal((await world.run(['device', 'add', 'disk1', '--path', '.'])).code, 0);
    assert.equal((await world.run(add)).code, 0);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('list what jobs take, and what they leave out', async () => {
    assert.equal((await world.run(['job', 'edit', 'nightly', '--exclude', 'db9'])).code, 0);
    const { stdout } = await world.run(['job', 'list']);
    assert.match(stdout, /nightly .*vc1 .*db\*, not db9 .*disk1/);
  });

  it('forget a job after a yes', async () => {
    assert.equal((await world.run(['job', 'remove', 'nightly'])).code, 2);
    const { code, stdout } = await world.run(['job', 'remove', 'nightly', '--yes']);
    assert.deepEqual([code, stdout], [0, 'Job "nightly" is removed\n']);
    assert.equal((await world.run(['job', 'show', 'nightly'])).code, 10);
  });
});
