/** Every request of a whole round, held against VMware's own schema. */
import { assert } from 'chai';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { RealWorld } from '../../support/real-world.ts';
import { type TempFolder, tempFolder } from '../../support/temp.ts';
import { smallSite } from '../../support/vcenter-sim/default-site.ts';
import { type CapturedRequest, validateRequests, whyNoSchema } from '../../support/xsd.ts';

const METHODS = [
  'CreateSnapshotEx_Task',
  'CreateSnapshot_Task',
  'Login',
  'QueryChangedDiskAreas',
  'ReconfigVM_Task',
  'RemoveSnapshot_Task',
  'RetrievePropertiesEx',
  'WaitForUpdatesEx',
];

describe('the requests of a whole round', function () {
  this.timeout(120_000);
  let dumps: TempFolder;

  before(async function () {
    const why = whyNoSchema();
    if (why !== undefined) {
      console.log(`      skipped: ${why}`);
      this.skip();
    }
    dumps = await tempFolder();
  });
  after(async () => {
    if (whyNoSchema() === undefined) await dumps[Symbol.asyncDispose]();
  });

  async function requests(): Promise<readonly CapturedRequest[]> {
    const names = (await readdir(dumps.path)).filter((name) => name.endsWith('.req.xml')).sort();
    return Promise.all(
      names.map(async (name) => ({
        method: /^\d+-(\w+)\.req/.exec(name)![1]!,
        envelope: await readFile(path.join(dumps.path, name), 'utf8'),
      })),
    );
  }

  it('are valid', async () => {
    const site = smallSite({ dumpDir: dumps.path, cbtMaxExtents: 5 });
    await using world = await RealWorld.open({ site, devices: { tape0: 2 } });
    const options = { consistency: 'application' } as const;
    const vms = ['files01', 'linux01', 'mixed01', 'old01'];
    await world.addJob('nightly', vms, { maxParallelStreams: 2, options });
    const fault = 'ApplicationQuiesceFault';
    await world.sim.fault({ method: 'CreateSnapshotEx_Task', object: 'files01', fault, at: 'task' });
    const full = await world.runJob('nightly', 'full');
    assert.include(['ok', 'warning'], full.outcome, JSON.stringify(full.tasks));
    const change = { fixture: 'win-two', from: 'before', to: 'after' };
    await world.sim.applyState('files01', 2000, change);
    await world.sim.control('expireSessions', {});
    const increment = await world.runJob('nightly', 'incremental');
    assert.include(['ok', 'warning'], increment.outcome, JSON.stringify(increment.tasks));
    await world.services.servers.test('vc', AbortSignal.timeout(20_000));

    const captured = await requests();
    const seen = new Set(captured.map(({ method }) => method));
    assert.includeMembers([...seen], METHODS);
    assert.deepEqual(await validateRequests(captured), []);
  });
});
