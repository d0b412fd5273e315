import { assert } from 'chai';
import SqliteDatabase from 'better-sqlite3';
import { Catalog } from '../../../../master/catalog/catalog.ts';
import { openDatabase } from '../../../../master/catalog/database.ts';
import { lockInstance } from '../../../../master/catalog/instance-lock.ts';
import { noBytes } from '../../../../shared/domain/task.ts';
import { tempFolder } from '../../../support/temp.ts';
import { point, storePoints } from '../../../support/points.ts';

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'none';
}

describe('Catalog', () => {
  it('keeps what was written over a new opening', async () => {
    await using folder = await tempFolder();
    {
      using catalog = Catalog.open(folder.path);
      catalog.servers.put({
        name: 'vc',
        url: 'u',
        username: 'n',
        fingerprint: null,
        datastorePaths: { ds: '/mnt' },
      });
    }
    using catalog = Catalog.open(folder.path);
    assert.deepEqual(catalog.servers.get('vc')?.datastorePaths, { ds: '/mnt' });
  });

  it('refuses a catalog of a newer program', async () => {
    await using folder = await tempFolder();
    Catalog.open(folder.path)[Symbol.dispose]();
    const database = new SqliteDatabase(folder.file('catalog.db'));
    database.pragma('user_version = 99');
    database.close();
    assert.equal(
      codeOf(() => Catalog.open(folder.path)),
      'CATALOG_VERSION_UNKNOWN',
    );
  });

  it('says when the file is no catalog', async () => {
    await using folder = await tempFolder();
    const { writeFile } = await import('node:fs/promises');
    await writeFile(
      folder.file('catalog.db'),
      'this is no database, by no means, and long enough to be read',
    );
    assert.equal(
      codeOf(() => Catalog.open(folder.path)),
      'CATALOG_FAILED',
    );
  });

  it('takes back all of a transaction that fails', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    const work = (): void => {
      catalog.devices.register({ deviceId: 'a', name: 'x', path: '/', streams: 1 });
      catalog.devices.register({ deviceId: 'b', name: 'x', path: '/', streams: 1 });
    };
    assert.equal(
      codeOf(() => catalog.transact(work)),
      'CATALOG_FAILED',
    );
    assert.isEmpty(catalog.devices.list());
  });

  it('writes without waiting for the disk only what it is told to', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    const add = (deviceId: string): void =>
      catalog.devices.register({ deviceId, name: deviceId, path: '/', streams: 1 });
    catalog.transactWithoutSync(() => add('a'));
    const fail = (): void => {
      add('b');
      add('b');
      throw new SqliteDatabase.SqliteError('no', 'SQLITE_BUSY');
    };
    assert.equal(
      codeOf(() => catalog.transactWithoutSync(fail)),
      'CATALOG_FAILED',
    );
    catalog.transact(() => add('c'));
    assert.deepEqual(
      catalog.devices.list().map(({ deviceId }) => deviceId),
      ['a', 'c'],
    );
  });
});

describe('lockInstance', () => {
  it('lets one in at a time', async () => {
    await using folder = await tempFolder();
    const first = lockInstance(folder.path);
    assert.equal(
      codeOf(() => lockInstance(folder.path)),
      'SERVICE_ALREADY_RUNNING',
    );
    first[Symbol.dispose]();
    lockInstance(folder.path)[Symbol.dispose]();
  });
});

describe('tasks of the catalog', () => {
  it('keeps the TaskId over attempts, and gives every attempt a higher token', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    const run = { kind: 'verify', job: null, requestedType: null, startedAt: 't', streamSetting: 1 } as const;
    const runId = catalog.runs.insert({ ...run, warnings: [] });
    const taskId = catalog.tasks.insert(runId, 'x', { kind: 'verify', savesetId: 's' });
    const next = { taskId, deviceId: 'd', pid: 1, savesetId: null, at: 't' };
    const first = catalog.tasks.beginAttempt(next);
    catalog.tasks.endAttempt(first.token, 't', { code: 'WORKER_DIED', message: 'gone', facts: {} });
    catalog.tasks.requeue(taskId);
    assert.isNull(catalog.tasks.get(taskId)?.currentToken);
    const second = catalog.tasks.beginAttempt(next);
    assert.deepEqual([first.attempt, second.attempt], [1, 2]);
    assert.isAbove(second.token, first.token);
    assert.equal(catalog.tasks.get(taskId)?.currentToken, second.token);
    const ended = {
      outcome: 'ok',
      error: null,
      warnings: [],
      counters: noBytes,
      phases: {},
      finishedAt: 't',
    } as const;
    catalog.tasks.end(taskId, ended);
    assert.deepInclude(catalog.tasks.get(taskId), { state: 'done', outcome: 'ok', currentToken: null });
    assert.deepEqual(
      catalog.tasks.attemptErrors(taskId).map((error) => error.code),
      ['WORKER_DIED'],
    );
    assert.deepEqual(catalog.runs.counts(runId), { tasks: 1, succeeded: 1, failed: 0 });
  });
});

describe('points of the catalog', () => {
  const points = [
    point('aaaa000000000001', { createdAt: '2026-01-01T00:00:00.000Z' }),
    point('aaaa000000000002', {
      createdAt: '2026-01-02T00:00:00.000Z',
      type: 'incremental',
      baseId: 'aaaa000000000001',
    }),
    point('bbbb000000000003', {
      createdAt: '2026-01-03T00:00:00.000Z',
      type: 'incremental',
      baseId: 'aaaa000000000002',
    }),
    point('cccc000000000004', { vmName: 'web', vmUuid: '', vmMoref: 'vm-2', job: 'other' }),
  ];

  it('follows a chain without reading whole points', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, points);
    assert.deepEqual(catalog.savesets.link('bbbb000000000003'), {
      savesetId: 'bbbb000000000003',
      baseId: 'aaaa000000000002',
      deviceId: 'd'.repeat(32),
      type: 'incremental',
      createdAt: '2026-01-03T00:00:00.000Z',
    });
    assert.isUndefined(catalog.savesets.link('dddd000000000005'));
  });

  it('finds points by name in any case, uuid, moref, job and time, newest first', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, points);
    const ids = (filter: object): string[] =>
      catalog.savesets.listPoints({ limit: 10, ...filter }).map(({ savesetId }) => savesetId.slice(-1));
    assert.deepEqual(ids({ vm: 'DB01' }), ['3', '2', '1']);
    assert.deepEqual(ids({ vm: 'uuid-1' }), ['3', '2', '1']);
    assert.deepEqual(ids({ vm: 'vm-2' }), ['4']);
    assert.deepEqual(ids({ job: 'other' }), ['4']);
    assert.deepEqual(ids({ vm: 'db01', job: 'other' }), []);
    assert.deepEqual(ids({ vm: 'db01', before: '2026-01-02T12:00:00.000Z', limit: 1 }), ['2']);
    assert.deepEqual(ids({ limit: 1 }), ['3']);
  });

  it('never shows what is not sealed, and never builds on it', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, points.slice(0, 1));
    const key = { job: 'nightly', server: 'vc', vmUuid: 'uuid-1', vmMoref: 'vm-1', fullOnly: false };
    for (const set of ['unsealed', 'sealing', 'gone'] as const) {
      const id = `dddd${set}`;
      catalog.savesets.insertUnsealed(point(id));
      if (set === 'sealing') catalog.savesets.setSealing(id, 'x');
      if (set === 'gone') catalog.savesets.setGone(id);
      assert.isUndefined(catalog.savesets.point(id));
    }
    assert.lengthOf(catalog.savesets.listPoints({ limit: 10 }), 1);
    assert.equal(catalog.savesets.newestPoint(key)?.savesetId, 'aaaa000000000001');
  });

  it('finds the base by uuid, or by server and moref where there is none', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, points);
    const key = { job: 'nightly', server: 'vc', vmUuid: 'uuid-1', vmMoref: 'another', fullOnly: false };
    assert.equal(catalog.savesets.newestPoint(key)?.savesetId, 'bbbb000000000003');
    assert.equal(catalog.savesets.newestPoint({ ...key, fullOnly: true })?.savesetId, 'aaaa000000000001');
    const other = { ...key, job: 'other', vmUuid: '', vmMoref: 'vm-2' };
    assert.equal(catalog.savesets.newestPoint(other)?.savesetId, 'cccc000000000004');
    assert.isUndefined(catalog.savesets.newestPoint({ ...other, server: 'vc2' }));
  });

  it('counts what builds on a point, and finds beginnings of ids', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    storePoints(catalog, points);
    assert.equal(catalog.savesets.dependents('aaaa000000000001'), 2);
    assert.equal(catalog.savesets.dependents('bbbb000000000003'), 0);
    storePoints(catalog, points);
    assert.equal(catalog.savesets.countOnDevice('d'.repeat(32)), points.length, 'sealing twice counts once');
    assert.lengthOf(catalog.savesets.pointsBeginningWith('aaaa', 5), 2);
    assert.lengthOf(catalog.savesets.pointsBeginningWith('bbbb0', 5), 1);
  });

  const queries = [
    `SELECT * FROM savesets s WHERE s.state = 'sealed' AND s.created_at <= 'x' ORDER BY s.created_at DESC LIMIT 1`,
    `SELECT * FROM savesets s WHERE s.state = 'sealed' AND s.created_at <= 'x' AND s.vm_name = 'x' COLLATE NOCASE ORDER BY s.created_at DESC LIMIT 1`,
    `SELECT * FROM savesets s WHERE s.state = 'sealed' AND s.created_at <= 'x' AND s.vm_uuid = 'x' ORDER BY s.created_at DESC LIMIT 1`,
    `SELECT * FROM savesets WHERE state = 'sealed' AND job = 'x' AND vm_uuid = 'x' ORDER BY created_at DESC LIMIT 1`,
    `SELECT * FROM savesets WHERE base_id = 'x' AND state = 'sealed'`,
    `SELECT * FROM snapshot_ledger WHERE state != 'removed' AND server = 'x' AND vm_moref = 'y' ORDER BY entry_id`,
    `SELECT * FROM tasks WHERE run_id = 1 ORDER BY task_id`,
    `SELECT * FROM runs WHERE job = 'x' ORDER BY run_id DESC LIMIT 1`,
  ];
  for (const sql of queries) {
    it(`is answered from an index: ${sql.slice(14, 110)}`, async () => {
      await using folder = await tempFolder();
      const database = openDatabase(folder.file('catalog.db'));
      const steps = database.prepare<[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`).all();
      database.close();
      for (const { detail } of steps) {
        assert.match(detail, /USING (COVERING )?INDEX/, detail);
        assert.notMatch(detail, /TEMP B-TREE FOR ORDER BY$/);
      }
    });
  }
});

describe('the ledger', () => {
  const entry = {
    snapshotName: 'blockhouse-1',
    server: 'vc',
    vmMoref: 'vm-1',
    vmName: 'db01',
    runId: 1,
    taskId: 1,
    token: 7,
    intentAt: '2026-01-01T00:00:00.000Z',
  };

  it('is open from the intent until the removal', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    catalog.ledger.intend(entry);
    assert.isTrue(catalog.ledger.created('blockhouse-1', 'snapshot-1', 7));
    assert.isFalse(catalog.ledger.created('blockhouse-1', 'snapshot-1', 8), 'another token owns nothing');
    catalog.ledger.failed('blockhouse-1', { code: 'VSPHERE_BUSY', message: 'busy', facts: {} });
    assert.deepInclude(catalog.ledger.open()[0], { state: 'failed', snapshotMoref: 'snapshot-1' });
    catalog.ledger.removed('blockhouse-1', 't');
    catalog.ledger.failed('blockhouse-1', { code: 'VSPHERE_BUSY', message: 'busy', facts: {} });
    assert.isEmpty(catalog.ledger.open());
  });

  it('has every name once', async () => {
    await using folder = await tempFolder();
    using catalog = Catalog.open(folder.path);
    catalog.ledger.intend(entry);
    assert.equal(
      codeOf(() => catalog.transact(() => catalog.ledger.intend(entry))),
      'CATALOG_FAILED',
    );
  });
});
