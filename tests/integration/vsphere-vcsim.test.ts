import { assert } from 'chai';
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type AddressInfo } from 'node:net';
import { systemClock } from '../../shared/base/clock.ts';
import { silentLog } from '../../shared/base/log.ts';
import { enableChangeTracking } from '../../shared/vsphere/change-tracking.ts';
import { readSmallFile } from '../../shared/vsphere/datastore-files.ts';
import { listVms } from '../../shared/vsphere/inventory.ts';
import { VsphereSession } from '../../shared/vsphere/session.ts';
import {
  createSnapshot,
  findSnapshotsByName,
  readSnapshotDisks,
  removeSnapshot,
} from '../../shared/vsphere/snapshots.ts';
import { readFingerprint } from '../../shared/vsphere/tls-pin.ts';
import { readVm } from '../../shared/vsphere/virtual-machine.ts';
import { rejectsCode } from '../unit/vsphere/throws-code.ts';

const signal = new AbortController().signal;

/** The program to run: VCSIM names it, else one on the PATH. */
function findVcsim(): string | undefined {
  const named = process.env['VCSIM'] ?? 'vcsim';
  return spawnSync(named, ['-h'], { timeout: 5_000 }).error === undefined ? named : undefined;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/** An independent server: govmomi's simulator. It is lenient, has no ChangeIds and no data. */
describe('vSphere client against vcsim', function () {
  this.timeout(30_000);
  let child: ChildProcess | undefined;
  let session: VsphereSession | undefined;
  let url: string;
  let fingerprint: string;

  before(async function () {
    const program = findVcsim();
    if (program === undefined) {
      console.log('      skipped: vcsim is not on the PATH, and VCSIM does not name it');
      this.skip();
    }
    url = `https://127.0.0.1:${await freePort()}/sdk`;
    child = spawn(program, ['-l', new URL(url).host, '-username', 'admin', '-password', 'secret'], {
      stdio: 'ignore',
    });
    fingerprint = await firstFingerprint(url);
    session = await connect('secret');
  });
  after(async () => {
    await session?.[Symbol.asyncDispose]();
    if (child === undefined) return;
    child.kill('SIGTERM');
    await once(child, 'exit');
  });

  const connect = (password: string): Promise<VsphereSession> => {
    const options = { url, username: 'admin', password, fingerprint, log: silentLog, clock: systemClock };
    return VsphereSession.connect(options, signal);
  };
  const firstVm = async (): Promise<string> => (await listVms(session!, signal))[0]!.moref;

  it('refuses a wrong password', async () => {
    await rejectsCode('AUTH_LOGIN_REFUSED', connect('wrong'));
  });
  it('lists VMs with their paths, hosts and disks', async () => {
    const vms = await listVms(session!, signal);
    assert.isAtLeast(vms.length, 2);
    for (const vm of vms) {
      assert.equal(vm.inventoryPath, `/DC0/vm/${vm.name}`);
      assert.match(vm.host ?? '', /^DC0_/);
      assert.isNotEmpty(vm.disks);
    }
  });
  it('reads one VM with its devices', async () => {
    const vm = await readVm(session!, await firstVm(), signal);
    assert.equal(vm.datacenterPath, 'DC0');
    assert.deepInclude(vm.disks[0], { backingType: 'VirtualDiskFlatVer2BackingInfo', rdm: 'none' });
    const { devices } = vm.configuration as { devices: { $type: string; device?: unknown }[] };
    assert.isArray(devices.find((device) => device.$type === 'VirtualPCIController')?.device);
  });
  it('makes, finds, reads and removes a snapshot', async () => {
    const vm = await firstVm();
    const request = { moref: vm, name: ' ours ', description: 'a<b', quiesce: 'crash' as const };
    const made = await createSnapshot(session!, request, signal);
    assert.deepEqual(await findSnapshotsByName(session!, vm, ' ours ', signal), [made]);
    assert.isNotEmpty(await readSnapshotDisks(session!, made.moref, signal));
    await removeSnapshot(session!, made.moref, signal);
    await removeSnapshot(session!, made.moref, signal);
    assert.isEmpty(await findSnapshotsByName(session!, vm, ' ours ', signal));
  });
  it('enables change tracking', async () => {
    const vm = await firstVm();
    await enableChangeTracking(session!, vm, signal);
    assert.isTrue((await readVm(session!, vm, signal)).changeTrackingEnabled);
  });
  it('reads a small file of a datastore', async () => {
    const vm = await readVm(session!, await firstVm(), signal);
    const file = { datacenterPath: vm.datacenterPath, datastorePath: vm.vmPathName, maxBytes: 65_536 };
    assert.instanceOf(await readSmallFile(session!, file, signal), Buffer);
  });
  it('says when a VM is gone', async () => {
    await rejectsCode('VSPHERE_OBJECT_GONE', readVm(session!, 'vm-4711', signal));
  });
});

async function firstFingerprint(url: string): Promise<string> {
  const deadlineMs = systemClock.monotonicMs() + 10_000;
  for (;;) {
    try {
      return (await readFingerprint(url)).fingerprint;
    } catch (error) {
      if (systemClock.monotonicMs() > deadlineMs) throw error;
      await systemClock.sleep(50);
    }
  }
}
