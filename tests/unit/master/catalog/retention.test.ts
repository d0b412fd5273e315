import { assert } from 'chai';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { openDatabase } from '../../../../master/catalog/database.ts';
import { type RetentionGroup } from '../../../../master/catalog/retention-points.ts';
import { openUses, runUsing, usesAmong, vmKey } from '../../../../master/retention/in-use.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { point, storePoints } from '../../../support/points.ts';
import { tempFolder } from '../../../support/temp.ts';

const FIRST = path.resolve(import.meta.dirname, '../../../../master/catalog/migrations/0001-initial.sql');

describe('the catalog of an earlier version', () => {
  it('keeps its points, their disks and their order when it is brought to the newest', async () => {
    await using folder = await tempFolder();
    const old = new SqliteDatabase(folder.file('catalog.db'));
    old.exec(readFileSync(FIRST, 'utf8'));
    old.pragma('user_version = 1');
    old.exec(`INSERT INTO devices VALUES ('d', 'tape0', '/t', 1, 1, 1);
      INSERT INTO savesets (saveset_id, state, token, device_id, run_id, task_id, job, server, vm_name, vm_uuid, vm_moref,
        type, created_at, verified_at)
      VALUES ('aaaa000000000001', 'sealed', 1, 'd', 1, 1, 'nightly', 'vc', 'db01', 'u', 'vm-1', 'full', '2026-01-01T00:00:00.000Z', 'v');
      INSERT INTO saveset_disks VALUES ('aaaa000000000001', 2000, 'Hard disk 1', NULL, 5, 'full', 'file', 'off', '[]', NULL, '{}')`);
    old.close();
    using catalog = Catalog.open(folder.path);
    assert.deepInclude(catalog.savesets.point('aaaa000000000001'), { vmName: 'db01', verifiedAt: 'v' });
    assert.isNull(catalog.savesets.pinOf('aaaa000000000001'));
    assert.lengthOf(catalog.savesets.disksOf('aaaa000000000001'), 1);
    assert.lengthOf(catalog.savesets.listPoints({ vm: 'DB01', limit: 5 }), 1);
  });
});

describe('pins of the catalog', () => {
  it('are there until they are taken away', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, [point('aaaa000000000001')]);
    const { savesets } = catalog;
    assert.isNull(savesets.pinOf('aaaa000000000001'));
    assert.isNull(savesets.pinOf('no such'));
    savesets.setPin('aaaa000000000001', { pinnedAt: 't', note: '' });
    assert.deepEqual(savesets.pinOf('aaaa000000000001'), { pinnedAt: 't', note: '' });
    assert.equal(savesets.pointsOfGroup({ job: 'nightly', vmUuid: 'uuid-1' })[0]?.pinNote, '');
    savesets.clearPin('aaaa000000000001');
    assert.isNull(savesets.pinOf('aaaa000000000001'));
    assert.isNull(savesets.pointsOfGroup({ job: 'nightly', vmUuid: 'uuid-1' })[0]?.pinNote);
  });
});

describe('points as retention sees them', () => {
  it('are walked by job and VM, newest first, and only sealed ones', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    const { savesets } = catalog;
    const counters = { ...noBytes, stored: 5, known: 7 };
    storePoints(catalog, [
      point('a1', { createdAt: '2026-01-01T00:00:00.000Z', counters }),
      point('a2', { createdAt: '2026-01-02T00:00:00.000Z' }),
      point('b1', { vmUuid: '' }),
      point('c1', { job: 'other' }),
      point('gone', { job: 'zoo' }),
    ]);
    savesets.setRemoving('gone');
    const groups: RetentionGroup[] = [];
    for (let group = savesets.nextGroup({ job: '' }); group; group = savesets.nextGroup(group))
      groups.push(group);
    assert.deepEqual(
      groups.map(({ job, vmUuid }) => `${job} ${vmUuid}`),
      ['nightly ', 'nightly uuid-1', 'other uuid-1'],
    );
    const own = savesets.pointsOfGroup({ job: 'nightly', vmUuid: 'uuid-1' });
    assert.deepEqual(
      own.map(({ savesetId }) => savesetId),
      ['a2', 'a1'],
    );
    assert.deepInclude(own[1], { storedBytes: 5, knownBytes: 7 });
    assert.equal(savesets.nextGroup({ job: 'nz' })?.job, 'other');
    assert.isUndefined(savesets.nextGroup({ job: 'p' }));
  });

  const queries = [
    `SELECT job, vm_uuid FROM savesets WHERE state = 'sealed' AND (job, vm_uuid) > ('x', 'y') ORDER BY job, vm_uuid LIMIT 1`,
    `SELECT * FROM savesets WHERE state = 'sealed' AND job = 'x' AND vm_uuid = 'y' ORDER BY created_at DESC`,
    `SELECT * FROM savesets WHERE state = 'removing' AND base_id = 'x'`,
    `SELECT * FROM savesets WHERE state = 'removing'`,
  ];
  for (const sql of queries) {
    it(`are found by an index: ${sql.slice(0, 100)}`, async () => {
      await using folder = await tempFolder();
      const database = openDatabase(folder.file('catalog.db'));
      const steps = database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
      database.close();
      for (const { detail } of steps) assert.match(detail, /USING (COVERING )?INDEX/, detail);
    });
  }
});

describe('openUses', () => {
  it('knows what open runs read, and what a backup may build on', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    const [newest, middle, full] = [
      point('aaaa000000000003', {
        createdAt: '2026-01-03T00:00:00.000Z',
        type: 'incremental',
        baseId: 'aaaa000000000002',
      }),
      point('aaaa000000000002', {
        createdAt: '2026-01-02T00:00:00.000Z',
        type: 'incremental',
        baseId: 'aaaa000000000001',
      }),
      point('aaaa000000000001', { createdAt: '2026-01-01T00:00:00.000Z' }),
    ];
    storePoints(catalog, [newest, middle, full]);
    const using = () => [newest, middle, full].map((one) => runUsing(catalog, one));
    const among = () => usesAmong([newest, middle, full], openUses(catalog));
    assert.deepEqual(using(), [undefined, undefined, undefined]);
    assert.isEmpty(among());
    const run = { job: null, requestedType: null, startedAt: 't', streamSetting: 1, warnings: [] };
    const reading = catalog.runs.insert({ ...run, kind: 'restore' });
    const target = { path: '/x', format: 'raw', overwrite: false } as const;
    const taskId = catalog.tasks.insert(reading, 'x', {
      kind: 'restore',
      savesetId: middle.savesetId,
      diskKey: 2000,
      target,
    });
    assert.deepEqual(using(), [undefined, reading, undefined]);
    assert.deepEqual([...among()], [[middle.savesetId, reading]]);
    const job = {
      name: 'nightly',
      server: 'vc',
      vmPatterns: ['*'],
      excludePatterns: [],
      devices: ['tape0'],
      maxParallelStreams: 1,
      options: {
        type: 'auto',
        abm: true,
        cbt: true,
        transport: 'auto',
        consistency: 'crash',
        consistencyFallback: true,
      },
    } as const;
    const backup = catalog.runs.insert({ ...run, kind: 'backup', job });
    const vm = { moref: 'vm-9', name: 'db01', instanceUuid: 'uuid-1', inventoryPath: '/db01' };
    catalog.tasks.insert(backup, 'db01', { kind: 'backup', server: 'vc', vm });
    assert.deepEqual(using(), [backup, reading, backup]);
    assert.sameDeepMembers(
      [...among()],
      [
        [newest.savesetId, backup],
        [middle.savesetId, reading],
        [full.savesetId, backup],
      ],
    );
    assert.deepEqual(
      [...usesAmong([newest, middle], openUses(catalog))].length,
      2,
      'a chain without its full',
    );
    catalog.tasks.setState(taskId, 'done');
    assert.deepEqual(using(), [backup, undefined, backup]);
    catalog.runs.finish(backup, 'ok', 't', 2);
    assert.isEmpty(among());
  });

  it('tells VMs without an instance UUID apart by server and moref', () => {
    const vm = { job: 'j', server: 's', vmUuid: '', vmMoref: 'vm-1' };
    assert.notEqual(vmKey(vm), vmKey({ ...vm, vmMoref: 'vm-2' }));
    assert.notEqual(vmKey(vm), vmKey({ ...vm, server: 't' }));
    assert.equal(vmKey({ ...vm, vmUuid: 'u' }), vmKey({ ...vm, vmUuid: 'u', vmMoref: 'vm-2' }));
  });
});
