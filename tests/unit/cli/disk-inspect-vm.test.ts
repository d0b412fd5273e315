import { assert } from 'chai';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../../../shared/base/errors.ts';
import { PICTURE_CELLS } from '../../../shared/contract/disk-inspection.ts';
import { packPicture } from '../../../shared/contract/packed-picture.ts';
import { type VmInspection } from '../../../shared/contract/vm-inspection.ts';
import { CliWorld } from '../../support/cli-world.ts';
import { aRun, aTask } from '../../support/fake-services.ts';

const MIB = 2 ** 20;
const cells = (amount: number): number[] => new Array<number>(PICTURE_CELLS).fill(amount);
const picture = packPicture({ used: cells(1), skipped: cells(1), whole: cells(0), unknown: cells(0) });

const volume: VmInspection['disks'][number]['volumes'][number] = {
  ...{ startBytes: MIB, lengthBytes: MIB, fileSystem: 'NTFS', label: 'System', clusterBytes: 4096 },
  ...{ usedBytes: MIB / 2, freeBytes: MIB / 2, skippedBytes: MIB / 2, kept: [], gate: null, reason: null },
  picture,
};
const disk: VmInspection['disks'][number] = {
  ...{ key: 2000, label: 'Hard disk 1', transport: 'https', capacityBytes: 2 * MIB, state: 'filtered' },
  ...{ keptBytes: MIB, skippedBytes: MIB, readBytes: 65_536, moreVolumes: 0, volumes: [volume], picture },
};
const report: VmInspection = {
  ...{ kind: 'inspect', server: 'vc1', vm: 'db01', moref: 'vm-7', inventoryPath: '/DC0/vm/db01' },
  disks: [disk, { ...disk, key: 2001, label: 'Hard disk 2', moreVolumes: 2, picture: null }],
  leftOutDisks: [{ key: 2002, label: 'Hard disk 3', reason: 'it is independent' }],
};
const warnings = [{ code: 'DISK_NOT_IN_IMAGE' as const, message: 'disk 2002 is not in the image' }];
const task = aTask({ kind: 'inspect', device: null, outcome: 'warning', report, warnings, savesetId: null });
const run = aRun({ kind: 'inspect', job: null, outcome: 'warning', tasks: [task] });

describe('disk inspect of a VM', () => {
  let world: CliWorld;
  beforeEach(async () => {
    world = await CliWorld.open();
    world.core.runs.splice(0, 1, run);
  });
  afterEach(() => world[Symbol.asyncDispose]());

  it('shows each disk with its picture, and those that are in no snapshot', async () => {
    const { code, stdout, stderr } = await world.run(['disk', 'inspect', 'db01', '--drop-shadow-copies']);
    assert.equal(code, 0, stderr);
    assert.deepEqual(world.core.calls, ['inspect {"vm":"db01","dropShadowCopies":true,"transport":"auto"}']);
    assert.match(stdout, /^Disk +db01, disk 2000 "Hard disk 1", read by https$/m);
    assert.match(stdout, /^It skips +1\.00 MiB \(50 %\)$/m);
    assert.lengthOf(stdout.match(/^disk {11}[+]{64}$/gm) ?? [], 1);
    assert.lengthOf(stdout.match(/^1 NTFS {9}[+]{64}$/gm) ?? [], 2);
    assert.include(stdout, 'and 2 volumes more, which count in the sums\n');
    assert.include(stdout, 'disk 2002 "Hard disk 3" is in no snapshot: it is independent\n');
    assert.include(stdout, 'warning: disk 2002 is not in the image [DISK_NOT_IN_IMAGE]\n');
  });

  it('gives figures without pictures to programs, and draws all disks into a file', async () => {
    const words = ['disk', 'inspect', 'db01', '--server', 'vc1', '--svg', 'db01.svg', '--json'];
    const { code, stdout } = await world.run(words);
    assert.equal(code, 0);
    assert.include(world.core.calls[0], '"server":"vc1"');
    assert.notInclude(stdout, 'picture');
    const { disks, ...rest } = JSON.parse(stdout) as { disks: { key: number }[] };
    assert.deepInclude(rest, { runId: 12, vm: 'db01', moref: 'vm-7', warnings });
    assert.deepEqual(
      disks.map(({ key }) => key),
      [2000, 2001],
    );
    const svg = await readFile(path.join(world.dataDir, 'db01.svg'), 'utf8');
    assert.lengthOf(svg.match(/need not be read/g) ?? [], 2);
    assert.match(svg, /^<svg [^]*<\/svg>\n$/);
  });

  it('takes a file of that name for a file, unless a server is named; a folder is none', async () => {
    await writeFile(path.join(world.dataDir, 'db01'), Buffer.alloc(MIB));
    await mkdir(path.join(world.dataDir, 'db02'));
    assert.match((await world.run(['disk', 'inspect', 'db01'])).stdout, /^Disk +\/.*db01$/m);
    assert.isEmpty(world.core.calls);
    await world.run(['disk', 'inspect', 'db01', '--server', 'vc1']);
    await world.run(['disk', 'inspect', 'db02']);
    assert.lengthOf(world.core.calls, 2);
  });

  it('ends as the run does when it finds nothing out', async () => {
    const error = { code: 'VSPHERE_NOT_SUPPORTED', message: 'Cannot make a snapshot', facts: {} } as const;
    const failed = { ...task, outcome: 'failed', report: null, error } as const;
    world.core.runs.splice(0, 1, { ...run, outcome: 'failed', tasks: [failed] });
    const { code, stdout } = await world.run(['disk', 'inspect', 'db01']);
    assert.equal(code, 1);
    assert.include(stdout, 'error: Cannot make a snapshot [VSPHERE_NOT_SUPPORTED]');
  });

  it('says of a VM what the service says, and of a server without service that it does not run', async () => {
    world.core.services.inspect = () =>
      Promise.reject(new AppError('USAGE_NOT_FOUND', 'Cannot find VM "db77": there is none'));
    const unknown = await world.run(['disk', 'inspect', 'db77']);
    assert.deepEqual([unknown.code, unknown.stderr.includes('Cannot find VM "db77"')], [10, true]);
    await world.stopService();
    const away = await world.run(['disk', 'inspect', 'db01', '--server', 'vc1']);
    assert.include(away.stderr, 'it is not running');
    assert.include((await world.run(['disk', 'inspect', 'db01'])).stderr, 'as a disk');
  });

  it('ends the run with Ctrl-C', async () => {
    const stop = new AbortController();
    const active = aTask({ kind: 'inspect', state: 'running', outcome: null });
    world.core.runs.splice(0, 1, { ...run, state: 'running', outcome: null, tasks: [active] });
    world.core.services.inspect = () => {
      setTimeout(() => stop.abort(), 50);
      return Promise.resolve({ runId: 12 });
    };
    const { code, stderr } = await world.run(['disk', 'inspect', 'db01'], { signal: stop.signal });
    assert.equal(code, 130);
    assert.deepEqual(world.core.calls, ['runs.cancel 12']);
    assert.include(stderr, 'Run 12 was told to end');
  });
});
