import { assert } from 'chai';
import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ENDPOINT_FILE } from '../../../shared/contract/api.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { type WireError } from '../../../shared/contract/wire-error.ts';
import { CliWorld } from '../../support/cli-world.ts';
import { aRun, aTask, FINGERPRINT } from '../../support/fake-services.ts';

const server = ['server', 'add', 'vc1', '--url', 'vc.example.org', '--user', 'backup'];
const job = ['job', 'add', 'nightly', '--server', 'vc1', '--vm', 'db*', '--device', 'disk1'];
const withPassword = { env: { VC_PASSWORD: 'very secret' } };

describe('the command line', () => {
  let world: CliWorld;

  /** Swap files and paths, and then neither. */
  async function leaveOut(): Promise<void> {
    const shown = async (): Promise<string> => (await world.run(['job', 'show', 'nightly'])).stdout;
    const out = ['--exclude-swap', '--exclude-path', '\\Temp', 'Data:/Cache'];
    assert.equal((await world.run(['job', 'edit', 'nightly', ...out])).stderr, '');
    assert.match(await shown(), /^Swap files +left out$/m);
    assert.match(await shown(), /^Paths left out +\\Temp, Data:\/Cache$/m);
    await world.run(['job', 'edit', 'nightly', '--no-exclude-swap', '--exclude-path']);
    assert.match(await shown(), /^Swap files +kept$/m);
    assert.match(await shown(), /^Paths left out +-$/m);
  }
  beforeEach(async () => {
    world = await CliWorld.open();
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('finds the service by its endpoint file, which only its user can read', async () => {
    const mode = (await stat(path.join(world.dataDir, ENDPOINT_FILE))).mode & 0o777;
    if (process.platform !== 'win32') assert.equal(mode, 0o600);
    const status = await world.run(['status']);
    assert.equal(status.code, 0);
    assert.match(status.stdout, /^Address +http:\/\/127\.0\.0\.1:\d+$/m);
  });

  it('fails with advice when the service does not run', async () => {
    await world.stopService();
    const status = await world.run(['status']);
    assert.equal(status.code, 1);
    assert.match(
      status.stderr,
      /^error: Cannot reach the service .*\n {2}Start it with `blockhouse serve`\n$/,
    );
    assert.equal(status.stdout, '');
  });

  it('takes a closed port behind a left-over endpoint file for a service that does not run', async () => {
    const endpoint = await readFile(path.join(world.dataDir, ENDPOINT_FILE), 'utf8');
    await world.stopService();
    await writeFile(path.join(world.dataDir, ENDPOINT_FILE), endpoint);
    const status = await world.run(['status', '--json']);
    assert.equal(status.code, 1);
    assert.equal(
      (JSON.parse(status.stderr) as { error: { code: string } }).error.code,
      'SERVICE_NOT_RUNNING',
    );
  });

  it('refuses the token of another start', async () => {
    const file = path.join(world.dataDir, ENDPOINT_FILE);
    const endpoint = JSON.parse(await readFile(file, 'utf8')) as object;
    await writeFile(file, JSON.stringify({ ...endpoint, token: 'another' }));
    assert.equal((await world.run(['status'])).code, 12);
  });

  const wrong: readonly (readonly [string, readonly string[]])[] = [
    ['no command', []],
    ['an unknown command', ['jobs']],
    ['a group without a command', ['job']],
    ['an unknown command of a group', ['job', 'start', 'nightly']],
    ['an unknown option', ['job', 'list', '--all']],
    ['a missing name', ['job', 'show']],
    ['a missing option', ['device', 'add', 'disk1']],
    ['an option without its value', ['run', 'list', '--job']],
    ['an option given twice', ['run', 'list', '--job', 'a', '--job', 'b']],
    ['a choice that does not exist', ['job', 'run', 'nightly', '--type', 'half']],
    ['a number that is none', ['device', 'add', 'disk1', '--path', 'x', '--streams', 'many']],
    ['the number of a run that is none', ['run', 'show', 'last']],
    ['a name the contract refuses', ['job', 'add', 'a b', '--server', 's', '--vm', 'x', '--device', 'd']],
    ['two sources of a password', [...server, '--password-env', 'A', '--password-file', 'b']],
    ['an address that is not https', ['server', 'add', 'vc1', '--url', 'http://vc', '--user', 'u']],
    ['a fingerprint that is none', [...server, '--password-env', 'VC_PASSWORD', '--fingerprint', 'AB:CD']],
    ['a change that names nothing', ['job', 'edit', 'nightly']],
  ];
  for (const [what, words] of wrong) {
    it(`ends with 2 and one error line for ${what}`, async () => {
      const result = await world.run(words, withPassword);
      assert.equal(result.code, 2, result.stderr);
      assert.match(result.stderr, /^error: Cannot [^\n]+\n {2}[^\n]+\n$/);
      assert.equal(result.stdout, '');
    });
  }

  it('shows help and version on stdout', async () => {
    const help = await world.run(['job', 'add', '--help']);
    assert.equal(help.code, 0);
    assert.include(help.stdout, '--max-parallel-streams');
    assert.match((await world.run(['--version'])).stdout, /^Blockhouse \d+\.\d+\.\d+\n$/);
  });

  it('registers a server with the password of a variable, and never shows it', async () => {
    const result = await world.run([...server, '--password-env', 'VC_PASSWORD', '--json'], withPassword);
    assert.equal(result.code, 0, result.stderr);
    assert.include(world.core.calls[0], '"url":"https://vc.example.org/sdk"');
    assert.include(world.core.calls[0], '"password":"11 characters"');
    assert.notInclude(result.stdout + result.stderr, 'very secret');
    assert.match(
      (await world.run(['server', 'list'])).stdout,
      /^vc1 +https:\/\/vc\.example\.org\/sdk +backup/m,
    );
  });

  it('takes the first line of a password file, and folders of datastores from here on', async () => {
    await writeFile(path.join(world.dataDir, 'secret.txt'), 'abc\n');
    const paths = ['--datastore-path', 'ds1=mnt/ds1', 'ds2=/mnt/a=b'];
    const result = await world.run([...server, '--password-file', 'secret.txt', ...paths]);
    assert.equal(result.code, 0, result.stderr);
    assert.include(world.core.calls[0], '"password":"3 characters"');
    assert.deepEqual(world.core.servers.get('vc1')?.datastorePaths, {
      ds1: path.join(world.dataDir, 'mnt/ds1'),
      ds2: '/mnt/a=b',
    });
  });

  it('asks for the password at a terminal without showing it', async () => {
    const result = await world.run(server, { typed: ['very secret'] });
    assert.equal(result.code, 0, result.stderr);
    assert.include(world.core.calls[0], '"password":"11 characters"');
    assert.include(result.stderr, 'Password of backup: ');
    assert.notInclude(result.stdout + result.stderr, 'very');
  });

  it('fails without a password where nobody can be asked', async () => {
    const result = await world.run(server);
    assert.equal(result.code, 2);
    assert.include(result.stderr, '--password-file');
  });

  it('shows the fingerprint of an untrusted certificate and pins it after a yes', async () => {
    world.core.trusted = false;
    const yes = await world.run(server, { typed: ['y', 'pw'] });
    assert.equal(yes.code, 0, yes.stderr);
    assert.include(yes.stderr, FINGERPRINT);
    assert.equal(world.core.servers.get('vc1')?.fingerprint, FINGERPRINT);
  });

  it('refuses an untrusted certificate after a no, and where nobody can be asked', async () => {
    world.core.trusted = false;
    for (const options of [{ typed: ['n'] }, withPassword]) {
      const result = await world.run([...server, '--password-env', 'VC_PASSWORD'], options);
      assert.equal(result.code, 12);
      assert.include(result.stderr, FINGERPRINT);
      assert.include(result.stderr, '--fingerprint');
    }
    assert.equal(world.core.servers.size, 0);
  });

  it('makes the path of a device absolute', async () => {
    const result = await world.run(['device', 'add', 'disk1', '--path', 'backup', '--streams', '2']);
    assert.equal(result.code, 0, result.stderr);
    assert.equal(world.core.devices.get('disk1')?.path, path.join(world.dataDir, 'backup'));
    assert.include((await world.run(['device', 'show', 'disk1'])).stdout, '0 of 2 in use');
    assert.match((await world.run(['device', 'list'])).stdout, /^disk1 .* online$/m);
  });

  it('removes only what was confirmed', async () => {
    await world.run(['device', 'add', 'disk1', '--path', 'x']);
    const remove = ['device', 'remove', 'disk1'];
    assert.equal((await world.run(remove)).code, 2);
    assert.equal((await world.run(remove, { typed: ['no'] })).code, 130);
    assert.equal(world.core.devices.size, 1);
    assert.equal((await world.run(remove, { typed: ['yes'] })).code, 0);
    assert.equal((await world.run([...remove, '--yes'])).code, 10);
  });

  it('forces a server out only after saying what stays behind', async () => {
    const add = ['server', 'add', 'vc9', '--url', 'https://vc9', '--user', 'u', '--password-env', 'PW'];
    assert.equal((await world.run([...add, '--fingerprint', FINGERPRINT], { env: { PW: 'x' } })).code, 0);
    world.core.calls.length = 0;
    const asked = await world.run(['server', 'remove', 'vc9', '--force'], { typed: ['no'] });
    assert.equal(asked.code, 130);
    for (const line of [
      /^Job "nightly" names it/m,
      /^ {2}blockhouse-7 of VM "db01" \(vm-1\)$/m,
      /^ {2}and 2 more/m,
    ])
      assert.match(asked.stdout, line);
    assert.equal((await world.run(['server', 'remove', 'vc9', '--dry-run'])).code, 0);
    assert.equal((await world.run(['server', 'remove', 'vc9', '--force', '--yes'])).code, 0);
    const calls = world.core.calls.map((call) => call.replace('servers.remove ', ''));
    const [look, force] = ['"force":false,"dryRun":true', '"force":true,"dryRun":false'];
    assert.deepEqual(
      calls,
      [look, look, look, force].map((rest) => `{"name":"vc9",${rest}}`),
    );
  });

  it('defines, shows and edits a job; what is not named stays as it is', async () => {
    const options = [
      '--exclude',
      '*-test',
      '--no-abm',
      '--max-parallel-streams',
      '4',
      '--consistency',
      'crash',
    ];
    assert.equal((await world.run([...job, ...options])).code, 0);
    assert.deepInclude(world.core.jobs.get('nightly'), {
      excludePatterns: ['*-test'],
      maxParallelStreams: 4,
    });
    const edited = await world.run(['job', 'edit', 'nightly', '--exclude', '--no-cbt', '--json']);
    assert.equal(edited.code, 0, edited.stderr);
    assert.deepEqual(JSON.parse(edited.stdout), {
      name: 'nightly',
      server: 'vc1',
      vmPatterns: ['db*'],
      excludePatterns: [],
      devices: ['disk1'],
      maxParallelStreams: 4,
      options: {
        type: 'auto',
        abm: false,
        cbt: false,
        dropShadowCopies: false,
        excludeSwap: false,
        excludePaths: [],
        transport: 'auto',
        consistency: 'crash',
        consistencyFallback: true,
      },
    });
    const shown = (await world.run(['job', 'show', 'nightly'])).stdout;
    assert.match(shown, /^Changed block tracking +no$/m);
    assert.match(shown, /^Shadow copies +kept$/m);
    await world.run(['job', 'edit', 'nightly', '--drop-shadow-copies']);
    assert.match((await world.run(['job', 'show', 'nightly'])).stdout, /^Shadow copies +given up$/m);
    await leaveOut();
    assert.include((await world.run(['job', 'preview', 'nightly'])).stdout, 'it is a template');
    assert.equal((await world.run(job)).code, 2);
  });

  it('starts a job and names the run, or waits for it', async () => {
    await world.run(job);
    const started = await world.run(['job', 'run', 'nightly', '--type', 'full', '--json']);
    assert.deepEqual(JSON.parse(started.stdout), { runId: 12 });
    world.core.runs = [aRun({ state: 'running', outcome: null, finishedAt: null }), aRun()];
    const waited = await world.run(['job', 'run', 'nightly', '--wait']);
    assert.equal(waited.code, 0, waited.stderr);
    assert.include(waited.stdout, 'Run 12, backup of job "nightly": ok');
  });

  const ends: readonly (readonly [string, Parameters<typeof aRun>[0], number])[] = [
    ['ok', { outcome: 'ok' }, 0],
    ['warnings', { outcome: 'warning' }, 0],
    ['some failed VMs', { outcome: 'partly' }, 3],
    ['failed VMs only', { outcome: 'failed' }, 1],
    ['a cancel', { outcome: 'cancelled' }, 130],
    [
      'a damaged point',
      {
        kind: 'verify',
        outcome: 'failed',
        tasks: [
          aTask({
            outcome: 'failed',
            error: { code: 'REPO_CHUNK_DAMAGED', message: 'Cannot read a chunk', facts: {} },
          }),
        ],
      },
      14,
    ],
    [
      'a damaged point among sound ones',
      {
        kind: 'verify',
        outcome: 'partly',
        tasks: [
          aTask({ outcome: 'ok' }),
          aTask({
            outcome: 'failed',
            error: { code: 'VERIFY_FAILED', message: 'Cannot restore', facts: {} },
          }),
        ],
      },
      14,
    ],
  ];
  for (const [what, over, code] of ends) {
    it(`ends a watch with ${code} for a run that ended with ${what}`, async () => {
      world.core.runs = [aRun(over)];
      assert.equal((await world.run(['run', 'watch', '12'])).code, code);
    });
  }

  it('leaves the run alone after Ctrl-C, and says how to end it', async () => {
    world.core.runs = [aRun({ state: 'running', outcome: null, finishedAt: null })];
    const stop = new AbortController();
    world.core.services.runs.wait = (_id, _after, _waitMs, signal) => {
      stop.abort(new AppError('CANCELLED', 'The command was cancelled'));
      return new Promise((resolve) => signal.addEventListener('abort', () => resolve(aRun())));
    };
    const watch = await world.run(['run', 'watch', '12'], { signal: stop.signal });
    assert.equal(watch.code, 130);
    const told =
      'Run 12 goes on. Watch it with "blockhouse run watch 12", end it with "blockhouse run cancel 12".\n';
    assert.isTrue(watch.stderr.endsWith(told), watch.stderr);
    assert.notInclude(watch.stderr, 'error:');
    const json = await world.run(['run', 'watch', '12', '--json'], { signal: stop.signal });
    assert.deepEqual(
      [json.code, (JSON.parse(json.stderr) as { error: WireError }).error.code],
      [130, 'CANCELLED'],
    );
    assert.notInclude(world.core.calls.join(), 'cancel');
  });

  const shows: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['vm', 'list'], 0, /^db01 +\/DC0\/vm\/prod\/db01 +on +yes +1 +100 GiB/m],
    [['vm', 'list', '--server', 'vc1'], 0, /^VM +PATH/],
    [['server', 'test', 'vc1'], 0, /^API version +8\.0\.1\.0$/m],
    [['run', 'list'], 0, /^ *12 +backup +nightly +ok /m],
    [['run', 'show', '12'], 0, /SKIPPED BY ABM/],
    [['run', 'cancel', '12'], 0, /had ended already: ok/],
    [['point', 'list', '--vm', 'db01'], 0, /^5f3a00000000c001 +db01 /m],
    [['point', 'show', '5f3a'], 0, /left out: disk 2001/],
    [['restore', 'plan', '5f3a'], 0, /^Reads 21\.0 GiB in 41 packs, writes 40\.0 GiB$/m],
    [['point', 'show', 'ffff'], 10, /^$/],
    [['verify', '5f3a', '--no-wait'], 0, /^Run 12 has begun$/m],
  ];
  for (const [words, code, pattern] of shows) {
    it(`answers ${words.join(' ')}`, async () => {
      await world.run([...server, '--password-env', 'VC_PASSWORD'], withPassword);
      const text = await world.run(words);
      assert.equal(text.code, code, text.stderr);
      assert.match(text.stdout, pattern);
      if (code !== 0) return;
      const json = await world.run([...words, '--json']);
      assert.doesNotThrow(() => void JSON.parse(json.stdout));
      assert.equal(json.stderr, '');
    });
  }

  it('restores a disk to an absolute path and waits for it', async () => {
    world.core.runs = [
      aRun({ kind: 'restore', job: null, tasks: [aTask({ kind: 'restore', subject: 'disk 2000' })] }),
    ];
    const result = await world.run(['restore', 'disk', '5f3a', '--disk', '1', '--to', 'db01.img', '--force']);
    assert.equal(result.code, 0, result.stderr);
    const body = {
      point: '5f3a',
      disk: '1',
      path: path.join(world.dataDir, 'db01.img'),
      format: 'raw',
      overwrite: true,
    };
    assert.deepEqual(world.core.calls, [`restore.disk ${JSON.stringify(body)}`]);
    assert.include(result.stdout, 'Run 12, restore: ok');
  });

  it('serves with the data folder and settings file that are named', async () => {
    assert.equal((await world.run(['serve', '--data', 'elsewhere', '--config', 'c.json'])).code, 0);
    assert.deepInclude(world.served[0], {
      dataDir: path.join(world.dataDir, 'elsewhere'),
      configFile: path.join(world.dataDir, 'c.json'),
    });
  });
});
