import { assert } from 'chai';
import { writeFile } from 'node:fs/promises';
import { type InspectSpec, type TaskOutcome } from '../../../../shared/contract/ipc.ts';
import { type VmInspection } from '../../../../shared/contract/vm-inspection.ts';
import { diskSums } from '../../../../shared/contract/disk-inspection.ts';
import { volumeView } from '../../../../shared/contract/volume-view.ts';
import { unpackPicture } from '../../../../shared/contract/packed-picture.ts';
import { inspectDisk } from '../../../../worker/inspect/inspect-disk.ts';
import { levelsOf } from '../../../../master/cli/disk-picture.ts';
import { loadDynamicDisks, mapTogether } from '../../../support/ldm-group.ts';
import { writeState } from '../../../support/fixtures.ts';
import { LoopWorker } from '../../../support/loop-worker.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';
import { SimProcess } from '../../../support/vcenter-sim/sim-process.ts';

const MIB = 2 ** 20;

describe('inspectVm', function () {
  this.timeout(60_000);
  let temp: TempFolder;
  let sim: SimProcess;
  let worker: LoopWorker;
  let number = 0;

  before(async () => {
    temp = await tempFolder();
    const dynamic = loadDynamicDisks().map(({ bytes }) => bytes);
    for (const [i, bytes] of dynamic.entries()) await writeFile(temp.file(`ldm-${i}`), bytes);
    sim = await SimProcess.start({
      datastores: [{ name: 'ds1' }],
      hosts: [{ name: 'esx1' }],
      vms: [
        {
          name: 'web',
          guestOs: 'windows',
          disks: [{ fixture: 'win-two' }, { capacityBytes: MIB, mode: 'independent_persistent' }],
        },
        { name: 'apart', disks: [{ capacityBytes: MIB, mode: 'independent_persistent' }] },
        { name: 'bare', disks: [] },
        { name: 'dynamic', disks: dynamic.map((_, i) => ({ path: temp.file(`ldm-${i}`) })) },
      ],
    });
  });
  after(async () => {
    await sim[Symbol.asyncDispose]();
    await temp[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    worker = new LoopWorker();
    await worker.order({ type: 'open', device: null, threads: 1, heartbeatMs: 5 });
    assert.isTrue(worker.said.some(({ type }) => type === 'opened'));
  });
  afterEach(async () => {
    assert.isTrue(await worker.order({ type: 'close' }));
    await sim.control('clearFaults', {});
    assert.equal((await sim.stats()).snapshotsNow, 0);
  });

  async function inspection(vm: string): Promise<InspectSpec> {
    const { url, username, password, fingerprint } = sim;
    const { moref } = await sim.vmState(vm);
    return {
      ...{ kind: 'inspect', taskId: ++number, attempt: 1, token: 100 + number, runId: 1 },
      server: { name: 'vc', url: `${url}/sdk`, username, password, fingerprint, datastorePaths: {} },
      vm: { moref, name: vm, instanceUuid: 'uuid', inventoryPath: `/DC0/vm/${vm}` },
      ...{ dropShadowCopies: false, transport: 'auto' },
    };
  }

  function reportOf({ report, ...outcome }: TaskOutcome): VmInspection {
    assert.equal(report?.kind, 'inspect', JSON.stringify(outcome));
    return report as VmInspection;
  }

  it('finds through a snapshot what is found in a file, and leaves no snapshot', async () => {
    await writeState('win-two', 'before', temp.file('disk.raw'));
    const order = { file: temp.file('disk.raw'), dropShadowCopies: false };
    const looked = await inspectDisk(order, new AbortController().signal);
    const { warnings, volumes, picture } = looked;
    const sums = diskSums.parse(looked);
    const outcome = await worker.work(await inspection('web'));
    const { disks, leftOutDisks, vm, server } = reportOf(outcome);
    assert.deepEqual([vm, server, warnings.length], ['web', 'vc', 0]);
    assert.lengthOf(disks, 1);
    const { volumes: found, picture: drawn, ...disk } = disks[0]!;
    assert.deepInclude(disk, { ...sums, key: 2000, transport: 'https', moreVolumes: 0 });
    assert.deepEqual(
      found.map((each) => volumeView.parse(each)),
      volumes.map((each) => volumeView.parse(each)),
    );
    assert.deepEqual(levelsOf(unpackPicture(drawn!), 64), levelsOf(picture, 64));
    assert.deepEqual(
      leftOutDisks.map(({ key }) => key),
      [2001],
    );
    assert.deepEqual(
      [outcome.status, outcome.warnings.map(({ code }) => code)],
      ['warning', ['DISK_NOT_IN_IMAGE']],
    );
    assert.deepInclude(outcome.counters, { provisioned: sums.capacityBytes, skipped: sums.skippedBytes });
    assert.deepEqual(worker.ledger(), ['intent', 'created', 'removed']);
  });

  it('looks into volumes that reach over several disks', async () => {
    const all = loadDynamicDisks().map(({ bytes }) => bytes);
    const together = await mapTogether(all);
    const { disks } = reportOf(await worker.work(await inspection('dynamic')));
    assert.deepEqual(
      disks.map(({ keptBytes }) => keptBytes),
      together.map(({ usedBytes }) => usedBytes),
    );
    assert.isTrue(disks.every(({ skippedBytes }) => skippedBytes > 0));
  });

  it('tells how much it has read', async () => {
    await worker.work(await inspection('web'));
    const told = worker.said.flatMap((message) => (message.type === 'progress' ? [message.progress] : []));
    assert.includeMembers([...new Set(told.map(({ phase }) => phase))], ['snapshot', 'map', 'remove']);
    assert.match(told.find(({ phase }) => phase === 'map')!.what, /^disk 2000 /);
  });

  it('makes no snapshot of a VM whose disks are in none', async () => {
    const apart = await worker.work(await inspection('apart'));
    assert.deepEqual([apart.status, apart.error?.code], ['failed', 'DISK_NOT_IN_IMAGE']);
    assert.match(
      apart.error!.message,
      /^Cannot inspect the disks of "apart": no snapshot holds them: disk 2000/,
    );
    const bare = await worker.work(await inspection('bare'));
    assert.match(bare.error!.message, /: it has none$/);
    assert.deepEqual(worker.ledger(), []);
  });

  it('says why the server makes no snapshot', async () => {
    await sim.control('fault', { rule: { method: 'CreateSnapshot_Task', fault: 'NotSupported', count: 9 } });
    const { error } = await worker.work(await inspection('web'));
    assert.equal(error?.code, 'VSPHERE_NOT_SUPPORTED');
    assert.deepEqual(worker.ledger(), ['intent', 'removed']);
  });

  it('removes the snapshot when it is cancelled', async () => {
    const spec = await inspection('web');
    worker.refuse = ({ type }) => {
      if (type === 'created') void worker.order({ type: 'cancel', taskId: spec.taskId, token: spec.token });
      return undefined;
    };
    const { status, report } = await worker.work(spec);
    assert.deepEqual([status, report], ['cancelled', null]);
    assert.deepEqual(worker.ledger(), ['intent', 'created', 'removed']);
  });

  it('reports a task of a device that has no stream', async () => {
    const { taskId, attempt, token, runId } = await inspection('web');
    const device = { deviceId: 'd', name: 'tape0', path: '/none', key: null };
    const chain = [{ savesetId: '5eaf00d000000001', device }];
    const { error } = await worker.work({ kind: 'verify', taskId, attempt, token, runId, chain });
    assert.equal(error?.code, 'IPC_MESSAGE_INVALID');
  });
});
