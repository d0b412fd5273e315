/**
 * The demo: seven virtual machines of a simulated vCenter are backed up by the built product — full, incremental, differential,
 * and on — and come back, byte by byte. Every step is a `blockhouse …` command as a user types it; what it claims is checked with
 * the simulator's disks and with what ntfs-3g and e2fsprogs said of them, not with the product's own code.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { smallSite } from '../tests/support/vcenter-sim/default-site.ts';
import { SimProcess } from '../tests/support/vcenter-sim/sim-process.ts';
import { backUp, type Stage } from './demo-parts/back-up.ts';
import { Checks, heading, say } from './demo-parts/checks.ts';
import { checkFull } from './demo-parts/full-claims.ts';
import { guestDisks } from './demo-parts/guests.ts';
import { checkReads } from './demo-parts/read-claims.ts';
import { checkRestores, checkVerify, checkVmdk, showPlans } from './demo-parts/restore-claims.ts';
import { Shell } from './demo-parts/shell.ts';

/** Slow enough for a person, and for the checks, to see what happens at the same time. */
const SITE = smallSite({
  taskDelayByMethodMs: { CreateSnapshot_Task: 150, RemoveSnapshot_Task: 150 },
  folderBytesPerSecond: 24 * 2 ** 20,
});

async function tell(stage: Stage): Promise<void> {
  const { shell, sim, checks } = stage;
  await setUp(stage);

  heading('A full backup: four streams wished for, a device with two');
  await checkFull(stage);

  heading('The guests work on; an incremental backup reads what changed and is in use');
  await changeGuests(stage, ['web01-2000', 'archive01-2000', 'late01-2000', 'linux01-2000', 'mixed01-2000']);
  await checkReads(stage, await backUp(stage, 'incremental'));

  heading('More changes; a differential backup reads what changed since the full');
  await changeGuests(stage, ['web01-2000', 'db01-2000', 'db01-2001', 'files01-2000']);
  await checkReads(stage, await backUp(stage, 'differential'));

  heading('More increments, for a long chain');
  await changeGuests(stage, ['web01-2000']);
  await checkReads(stage, await backUp(stage, 'incremental'));
  say();
  say(`guest  ${await diskNamed(stage, 'web01-2000').editFile(sim, 200)}`);
  await checkReads(stage, await backUp(stage, 'incremental'));
  await shell.run(['point', 'list', '--vm', 'web01']);
  checks.that((await sim.stats()).snapshotsNow === 0, 'no snapshot is left on the server');

  heading('What a restore needs, before it is run');
  await showPlans(stage);

  heading('Disks come back');
  await checkRestores(stage);
  await checkVmdk(stage);

  heading('A restore point is verified without being restored');
  await checkVerify(stage);

  heading('The end');
  const code = await shell.stop();
  checks.that(code === 0, 'the service stops when it is told to', `exit code ${code ?? 'none'}`);
}

async function setUp({ shell, sim, checks, job }: Stage): Promise<void> {
  heading('The service, a server, a device, a job');
  await shell.serve();
  const server = ['--url', sim.url, '--user', sim.username, '--password-env', 'VC_PASSWORD'];
  const steps = [
    ['server', 'add', 'vc1', ...server, '--fingerprint', sim.fingerprint],
    ['server', 'test', 'vc1'],
    ['vm', 'list'],
    ['device', 'add', 'disk1', '--path', 'disk1', '--streams', '2'],
    ['job', 'add', job, '--server', 'vc1', '--vm', '*01', '--exclude', 'old01', '--device', 'disk1'].concat(
      '--max-parallel-streams',
      '4',
    ),
    ['job', 'preview', job],
  ];
  for (const step of steps) {
    const { code } = await shell.run(step);
    checks.that(code === 0, `"${step.slice(0, 2).join(' ')}" succeeds`);
  }
}

function diskNamed({ disks }: Stage, name: string) {
  return disks.find((disk) => disk.name === name)!;
}

async function changeGuests(stage: Stage, names: readonly string[]): Promise<void> {
  say();
  for (const name of names) say(`guest  ${await diskNamed(stage, name).moveOn(stage.sim)}`);
}

async function main(): Promise<number> {
  const startedAt = performance.now();
  const interrupted = new Promise<never>((_resolve, reject) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => reject(new Error(`The demo was ended by ${signal}`)));
  });
  const folder = await mkdtemp(path.join(tmpdir(), 'blockhouse-demo-'));
  const checks = new Checks();
  try {
    for (const name of ['sim', 'truth', 'restored']) await mkdir(path.join(folder, name));
    await using sim = await SimProcess.start(SITE, { workDir: path.join(folder, 'sim') });
    const variables = { BLOCKHOUSE_DATA: path.join(folder, 'state'), VC_PASSWORD: sim.password };
    await using shell = new Shell(folder, variables);
    const stage = { folder, sim, shell, checks, disks: guestDisks(), job: 'nightly' };
    await Promise.race([tell(stage), interrupted]);
  } catch (error) {
    checks.that(false, 'the demo comes to its end', error instanceof Error ? error.message : String(error));
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }
  say(`\nIt took ${Math.round((performance.now() - startedAt) / 1000)} s.`);
  return checks.conclude();
}

process.exitCode = await main();
