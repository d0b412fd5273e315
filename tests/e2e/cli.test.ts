import { assert } from 'chai';
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sourceArguments } from '../support/run-source.ts';

const root = path.resolve(import.meta.dirname, '../..');
const entry = [...sourceArguments, path.join(root, 'master/cli.ts')];

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

describe('blockhouse as a command', function () {
  this.timeout(60_000);
  let folder: string;
  let service: ChildProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'blockhouse-e2e-'));
  });
  afterEach(async () => {
    if (service?.exitCode === null && service.signalCode === null) {
      service.kill('SIGKILL');
      await once(service, 'exit');
    }
    service = undefined;
    await rm(folder, { recursive: true, force: true });
  });

  const env = () => ({ PATH: process.env['PATH'] ?? '', BLOCKHOUSE_DATA: path.join(folder, 'state') });

  function run(...words: string[]): Promise<Ended> {
    return new Promise((resolve) => {
      const options = { env: env(), cwd: folder, timeout: 30_000 };
      const child = execFile(process.execPath, [...entry, ...words], options, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode ?? -1, stdout, stderr }),
      );
    });
  }

  async function serve(): Promise<ChildProcess> {
    const child = spawn(process.execPath, [...entry, 'serve'], { env: env(), cwd: folder });
    service = child;
    let told = '';
    for await (const chunk of child.stderr as AsyncIterable<Buffer>) {
      told += chunk.toString();
      if (told.includes('Listening on')) return child;
    }
    throw new Error(`the service did not start: ${told}`);
  }

  async function ending(child: ChildProcess): Promise<number | null> {
    if (child.exitCode !== null) return child.exitCode;
    await once(child, 'exit');
    return child.exitCode;
  }

  it('says that the service does not run, with exit code 1 and no stack', async () => {
    const ended = await run('run', 'list');
    assert.equal(ended.code, 1);
    assert.match(
      ended.stderr,
      /^error: Cannot reach the service [^\n]+\n {2}Start it with `blockhouse serve`\n$/,
    );
  });

  it('names every wrong setting at once and does not start', async () => {
    await writeFile(
      path.join(folder, 'c.json'),
      JSON.stringify({ logLevel: 'loud', janitorMs: 1, colour: 'red' }),
    );
    const ended = await run('serve', '--config', 'c.json');
    assert.equal(ended.code, 2);
    for (const name of ['logLevel', 'janitorMs', 'colour']) assert.include(ended.stderr, name);
  });

  it('serves, keeps devices, refuses a second service, and stops gracefully on SIGTERM', async () => {
    const child = await serve();
    const added = await run('device', 'add', 'disk1', '--path', 'disk1', '--streams', '2', '--json');
    assert.equal(added.code, 0, added.stderr);
    assert.deepInclude(JSON.parse(added.stdout), {
      name: 'disk1',
      path: path.join(folder, 'disk1'),
      streams: 2,
    });
    assert.equal((await run('device', 'add', 'disk1', '--path', 'disk2')).code, 2);
    assert.equal((await run('job', 'show', 'none')).code, 10);
    const second = await run('serve');
    assert.equal(second.code, 11, second.stderr);
    assert.equal((await run('status')).code, 0);

    child.kill('SIGTERM');
    assert.equal(await ending(child), 0);
    const gone = await access(path.join(folder, 'state', 'endpoint.json')).then(
      () => false,
      () => true,
    );
    assert.isTrue(gone, 'the endpoint file is removed');
  });

  it('starts again after a kill, with what it knew', async () => {
    const first = await serve();
    assert.equal((await run('device', 'add', 'disk1', '--path', 'disk1')).code, 0);
    first.kill('SIGKILL');
    await once(first, 'exit');
    assert.equal((await run('status')).code, 1);
    await serve();
    assert.match((await run('device', 'list')).stdout, /^disk1 .* online$/m);
  });
});
