import { assert } from 'chai';
import { type VsphereAccess } from '../../../../master/adapters/vsphere-access.ts';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { Secrets } from '../../../../master/secrets.ts';
import { serverService } from '../../../../master/service/server-service.ts';
import { type ServerService } from '../../../../master/services.ts';
import { systemClock } from '../../../../shared/base/clock.ts';
import { AppError } from '../../../../shared/base/errors.ts';
import { silentLog } from '../../../../shared/base/log.ts';
import { type ServerAccess } from '../../../../shared/contract/ipc.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { point, storePoints } from '../../../support/points.ts';
import { type TempFolder, tempFolder } from '../../../support/temp.ts';
import { rejectsCode } from '../../vsphere/throws-code.ts';

const signal = new AbortController().signal;
const body = {
  name: 'vc',
  url: 'https://vc.example.org/sdk',
  username: 'backup',
  password: 'S3cret',
  fingerprint: null,
  datastorePaths: { ds1: '/mnt/ds1' },
};
const vm = {
  moref: 'vm-1',
  name: 'db01',
  inventoryPath: '/DC0/vm/db01',
  instanceUuid: 'uuid-1',
  biosUuid: 'bios-1',
  template: false,
  powerState: 'poweredOn',
  connectionState: 'connected',
  guestId: 'rhel9_64Guest',
  host: 'esx1',
  changeTrackingEnabled: true,
  provisionedBytes: 10,
  disks: [{ key: 2000, label: 'Hard disk 1', capacityBytes: 10 }],
};

describe('serverService', () => {
  let folder: TempFolder;
  let catalog: Catalog;
  let servers: ServerService;
  let logins: ServerAccess[];

  beforeEach(async () => {
    folder = await tempFolder();
    catalog = Catalog.open(folder.path);
    logins = [];
    const vsphere: VsphereAccess = {
      login: async (server) => {
        logins.push(server);
        if (server.password !== 'S3cret') throw new AppError('AUTH_LOGIN_REFUSED', 'Cannot log in');
        await Promise.resolve();
      },
      listVms: async () => Promise.resolve([{ ...vm, facts: {} } as never]),
      probe: async () =>
        Promise.resolve({ fullName: 'vCenter 8', apiVersion: '8.0', vms: 1, missingPrivileges: ['A.B'] }),
      fingerprint: async (url) => Promise.resolve({ url } as never),
      remove: async () => Promise.resolve([]),
    };
    servers = serverService({
      ...{ catalog, vsphere, clock: systemClock, log: silentLog },
      secrets: await Secrets.open(folder.path),
    });
  });
  afterEach(async () => {
    catalog[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  });

  const intend = (snapshotName: string, server = 'vc'): void =>
    catalog.ledger.intend({
      snapshotName,
      server,
      vmMoref: 'vm-1',
      vmName: 'db01',
      runId: 1,
      taskId: 1,
      token: 7,
      intentAt: '2026-01-01T00:00:00.000Z',
    });

  it('keeps a server whose login works, without its password', async () => {
    const view = await servers.add(body, signal);
    assert.notProperty(view, 'password');
    assert.deepEqual(await servers.list(), [view]);
    assert.deepInclude(logins[0], { password: 'S3cret' });
  });

  it('keeps nothing of a server that refuses the login', async () => {
    await rejectsCode('AUTH_LOGIN_REFUSED', servers.add({ ...body, password: 'wrong' }, signal));
    assert.isEmpty(await servers.list());
  });

  it('refuses a second server of the name unless it shall take its place', async () => {
    await servers.add(body, signal);
    await rejectsCode('USAGE_CONFLICT', servers.add(body, signal));
    await servers.add({ ...body, username: 'other', replace: true }, signal);
    assert.deepEqual(
      (await servers.list()).map(({ username }) => username),
      ['other'],
    );
  });

  it('lists VMs with the time of their last point', async () => {
    await servers.add(body, signal);
    storePoints(catalog, [point('a'.repeat(16))]);
    const [view] = await servers.vms('vc', signal);
    assert.deepInclude(view, { name: 'db01', changeTracking: true });
    assert.isString(view?.lastPoint);
  });

  it('tests a server, and says which rights are missing', async () => {
    await servers.add(body, signal);
    const test = await servers.test('vc', signal);
    assert.deepEqual(test.missingPrivileges, ['A.B']);
    assert.property(await servers.fingerprint(body.url, signal), 'url');
  });

  it('forgets a server and its password', async () => {
    await servers.add(body, signal);
    await servers.remove('vc');
    assert.isEmpty(await servers.list());
    await rejectsCode('USAGE_NOT_FOUND', servers.remove('vc'));
    await rejectsCode('USAGE_NOT_FOUND', servers.test('vc', signal));
  });

  it('gives up what is left on a server that never comes back, when it is forced', async () => {
    await servers.add(body, signal);
    intend('s1');
    intend('elsewhere', 'vc2');
    const left = [{ vm: 'db01', moref: 'vm-1', snapshot: 's1' }];
    const expected = { removed: false, left, leftCount: 1, jobs: [] };
    assert.deepEqual(await servers.remove('vc', { dryRun: true }), expected);
    assert.lengthOf(await servers.list(), 1);
    assert.deepEqual(await servers.remove('vc', { force: true }), { ...expected, removed: true });
    assert.isEmpty(await servers.list());
    assert.deepEqual(
      catalog.ledger.open().map(({ snapshotName }) => snapshotName),
      ['elsewhere'],
    );
  });

  for (const force of [false, true]) {
    it(`stays while a run works on it that has no snapshot yet, ${force ? 'forced' : 'not forced'}`, async () => {
      await servers.add(body, signal);
      const run = { job: null, requestedType: null, startedAt: 't', streamSetting: 1, warnings: [] } as const;
      const runId = catalog.runs.insert({ kind: 'inspect', ...run });
      const look = { kind: 'inspect', dropShadowCopies: false, transport: 'auto', vm } as const;
      catalog.tasks.insert(runId, 'db02', { ...look, server: 'vc2' });
      const taskId = catalog.tasks.insert(runId, 'db01', { ...look, server: 'vc' });
      const error = await rejectsCode('USAGE_BUSY', servers.remove('vc', { force }));
      assert.include(error.message, `run ${runId} works on it`);

      const ended = { outcome: 'ok', error: null, warnings: [], counters: noBytes, phases: {} } as const;
      catalog.tasks.end(taskId, { ...ended, finishedAt: 't' });
      await servers.remove('vc', { force });
      assert.isEmpty(await servers.list());
    });
  }

  it('gives up nothing when the server cannot be forgotten', async () => {
    await servers.add(body, signal);
    intend('s1');
    catalog.servers.remove = () => {
      throw new AppError('CATALOG_FAILED', 'Cannot write to the catalog');
    };
    await rejectsCode('CATALOG_FAILED', servers.remove('vc', { force: true }));
    assert.lengthOf(catalog.ledger.open(), 1);
  });

  const leftOver = [
    { count: 1, text: /still has to remove a snapshot of ours from it, such as "s1" of VM "db01"/ },
    { count: 2, text: /still has to remove 2 snapshots of ours from it, such as "s1" of VM "db01"/ },
  ];
  for (const { count, text } of leftOver) {
    it(`does not forget a server while ${count} of our snapshots may be on it`, async () => {
      await servers.add(body, signal);
      for (let i = 1; i <= count; i++) intend(`s${i}`);
      intend('elsewhere', 'vc2');
      const error = await rejectsCode('SERVER_SNAPSHOTS_LEFT', servers.remove('vc'));
      assert.match(error.message, text);
      assert.equal(error.facts['snapshots'], count);

      for (let i = 1; i <= count; i++) catalog.ledger.removed(`s${i}`, '2026-01-02T00:00:00.000Z');
      await servers.remove('vc');
      assert.isEmpty(await servers.list());
    });
  }
});
