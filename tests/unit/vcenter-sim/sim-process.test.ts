import { assert } from 'chai';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, readdirSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadDisk } from '../../support/fixtures.ts';
import { smallSite } from '../../support/vcenter-sim/default-site.ts';
import { SimProcess } from '../../support/vcenter-sim/sim-process.ts';
import { faultOf, TestSim, tinySite } from './raw-client.ts';

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path)) hash.update(part as Buffer);
  return hash.digest('hex');
}

describe('SimProcess with the small site', () => {
  let sim: SimProcess;
  let dir: string;
  before(async function () {
    this.timeout(60_000);
    sim = await SimProcess.start(smallSite());
    dir = await mkdtemp(join(tmpdir(), 'sim-export-'));
  });
  after(async () => {
    await sim[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  it('says on one line where it is, with the fingerprint of its certificate', async () => {
    const port = Number(new URL(sim.url).port);
    const socket = connect({
      port,
      host: '127.0.0.1',
      ca: sim.ready.certificatePem,
      servername: 'localhost',
    });
    await new Promise((resolve, reject) =>
      socket.once('secureConnect', () => resolve(undefined)).once('error', reject),
    );
    const { fingerprint256 } = socket.getPeerCertificate();
    socket.destroy();
    assert.equal(fingerprint256, sim.fingerprint);
    assert.isTrue(existsSync(join(sim.datastoreDirs['ds1']!, 'web01', 'web01-flat.vmdk')));
  });

  it('holds fixtures, and turns one state into the next', async () => {
    const { states } = loadDisk('late-metadata');
    const path = join(dir, 'late.raw');
    await sim.exportDisk('late01', 2000, path);
    assert.equal(await sha256Of(path), states[0]!.sha256);
    await sim.applyState('late01', 2000, {
      fixture: 'late-metadata',
      from: states[0]!.name,
      to: states[1]!.name,
    });
    await sim.exportDisk('late01', 2000, path);
    assert.equal(await sha256Of(path), states[1]!.sha256);
  });

  it('counts from zero', async () => {
    const stats = await sim.stats();
    assert.equal(stats.snapshotsPeak, 0);
    assert.lengthOf(Object.keys(stats.byVm), 9);
  });
});

describe('the answers of the simulated vCenter beside the XSD', () => {
  const schema = fileURLToPath(new URL('../../../../shared/vim25/', import.meta.url));
  before('needs ../shared/vim25 and python3-lxml', function () {
    const lxml = spawnSync('/usr/bin/python3', ['-c', 'import lxml']);
    if (existsSync(join(schema, 'validate.py')) && lxml.status === 0) return;
    console.log('      skipped: ../shared/vim25 or python3-lxml is not there');
    this.skip();
  });

  it('are all valid', async () => {
    const dumpDir = await mkdtemp(join(tmpdir(), 'sim-dump-'));
    const sim = await TestSim.start(tinySite({ dumpDir }));
    await everything(sim);
    await sim.stop();
    const files = readdirSync(dumpDir).map((name) => join(dumpDir, name));
    const result = spawnSync('/usr/bin/python3', [join(schema, 'validate.py'), schema, ...files], {
      encoding: 'utf8',
    });
    assert.isAbove(files.length, 50);
    assert.equal(
      result.status,
      0,
      result.stdout
        .split('\n')
        .filter((line) => !line.startsWith('valid'))
        .join('\n'),
    );
    await rm(dumpDir, { recursive: true });
  });

  async function everything(sim: TestSim): Promise<void> {
    await sim.call('RetrieveServiceContent', 'ServiceInstance:ServiceInstance');
    await sim.call('CurrentTime', 'ServiceInstance:ServiceInstance');
    await sim.login('wrong');
    await sim.login();
    await sim.control('addDisk', { vm: 'vm2', disk: { capacityBytes: 1024, rdm: 'physicalMode' } });
    const first = await sim.snapshot('vm1', 'a');
    await sim.snapshot('vm1', 'b');
    await sim.control('setVm', { vm: 'vm2', question: 'Which?' });
    const all = [
      'VirtualMachine',
      'VirtualMachineSnapshot',
      'HostSystem',
      'Datastore',
      'Folder',
      'Datacenter',
      'ComputeResource',
      'ResourcePool',
      'Network',
    ];
    for (const type of all) {
      const view = await sim.call(
        'CreateContainerView',
        'ViewManager:ViewManager',
        `<container type="Folder">group-d1</container><type>ManagedEntity</type><recursive>true</recursive>`,
      );
      const id = /<returnval type="ContainerView">([^<]+)/.exec(view.body)![1]!;
      await sim.retrieve(
        `<propSet><type>${type}</type><all>true</all></propSet><objectSet><obj type="ContainerView">${id}</obj><skip>true</skip><selectSet xsi:type="TraversalSpec"><name>v</name><type>ContainerView</type><path>view</path><skip>false</skip></selectSet></objectSet>`,
        '<maxObjects>3</maxObjects>',
      );
      await sim.call('DestroyView', `ContainerView:${id}`);
    }
    for (const path of ['config', 'childSnapshot', 'vm']) await sim.property(first, path);
    await sim.changes('vm1', first);
    await sim.changes('vm1', first, { start: -1 });
    await sim.changes('vm1', first, { key: 1 });
    await sim.changes('vm2', undefined);
    await sim.call(
      'CreateFilter',
      'PropertyCollector:propertyCollector',
      '<spec><propSet><type>Folder</type><all>true</all></propSet><objectSet><obj type="Folder">group-d1</obj></objectSet></spec><partialUpdates>true</partialUpdates>',
    );
    await sim.call('WaitForUpdatesEx', 'PropertyCollector:propertyCollector', '<version></version>');
    await sim.task('RemoveAllSnapshots_Task', await sim.moref('vm1'));
    await everyFault(sim);
  }

  async function everyFault(sim: TestSim): Promise<void> {
    const faults =
      'NoDiskSpace TaskInProgress InvalidPowerState QuestionPending SnapshotIncompatibleDeviceInVm FileLocked SystemError';
    for (const fault of `${faults} NoPermission RestrictedByAdministrator ApplicationQuiesceFault ManagedObjectNotFound`.split(
      ' ',
    )) {
      await sim.control('fault', { rule: { method: 'PowerOffVM_Task', fault } });
      const answer = await sim.call('PowerOffVM_Task', await sim.moref('vm1'));
      assert.equal(faultOf(answer), fault);
      await sim.control('fault', { rule: { method: 'PowerOffVM_Task', fault, at: 'task' } });
      assert.equal((await sim.task('PowerOffVM_Task', await sim.moref('vm1'))).error, fault);
    }
  }
});
