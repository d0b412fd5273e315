import { assert } from 'chai';
import { Catalog } from '../../../master/catalog/catalog.ts';
import { type Removal } from '../../../master/dispatch/ports.ts';
import { Janitor } from '../../../master/janitor.ts';
import { AppError } from '../../../shared/base/errors.ts';
import { systemClock } from '../../../shared/base/clock.ts';
import { silentLog } from '../../../shared/base/log.ts';
import { tempFolder } from '../../support/temp.ts';

const NOW = Date.parse('2026-01-01T12:00:00.000Z');
const clock = { ...systemClock, nowMs: () => NOW, sleep: () => Promise.resolve() };

interface Setting {
  readonly results: readonly (Removal['result'] | 'unreachable')[];
  /** Minutes since the intent. */
  readonly age?: number;
  readonly created?: boolean;
  readonly live?: boolean;
}

async function clean({ results, age = 0, created = false, live = false }: Setting) {
  await using folder = await tempFolder();
  using catalog = Catalog.open(folder.path);
  const intentAt = new Date(NOW - age * 60_000).toISOString();
  const place = { server: 'vc', vmMoref: 'vm-1', vmName: 'db01', runId: 1, taskId: 1, token: 7 };
  catalog.ledger.intend({ snapshotName: 'ours', ...place, intentAt });
  if (created) catalog.ledger.created('ours', 'snapshot-1', 7);
  let looks = 0;
  await using janitor = new Janitor({
    catalog,
    cleaner: {
      remove: () => {
        const result = results[looks++] ?? 'removed';
        if (result === 'unreachable') return Promise.reject(new AppError('VSPHERE_UNREACHABLE', 'down'));
        const error = new AppError('VSPHERE_BUSY', 'busy');
        return Promise.resolve([
          result === 'failed' ? { snapshotName: 'ours', result, error } : { snapshotName: 'ours', result },
        ]);
      },
    },
    accessOf: (name) => ({
      name,
      url: 'u',
      username: 'n',
      password: 'p',
      fingerprint: null,
      datastorePaths: {},
    }),
    isLive: () => live,
    clock,
    log: silentLog,
    everyMs: 60_000,
  });
  await Promise.all([janitor.cleanAll(), janitor.cleanVm('vc', 'vm-1')]);
  const [entry] = catalog.ledger.open();
  return { looks, entry };
}

describe('Janitor', () => {
  it('removes what is left over, once for all who ask', async () => {
    assert.deepEqual(await clean({ results: ['removed'], created: true }), { looks: 1, entry: undefined });
  });

  it('leaves alone what a live attempt uses', async () => {
    const { looks, entry } = await clean({ results: [], created: true, live: true });
    assert.equal(looks, 0);
    assert.isDefined(entry);
  });

  it('takes a snapshot that is not there for removed', async () => {
    assert.deepEqual(await clean({ results: ['absent'], created: true }), { looks: 1, entry: undefined });
  });

  it('looks again for a snapshot that may be on its way, and keeps it in mind', async () => {
    const { looks, entry } = await clean({ results: ['absent', 'absent', 'absent'] });
    assert.equal(looks, 2);
    assert.isNotNull(entry?.absentAt);
  });

  it('removes a snapshot that appears after the first look', async () => {
    assert.deepEqual(await clean({ results: ['absent', 'removed'] }), { looks: 2, entry: undefined });
  });

  it('forgets an intent after a while', async () => {
    assert.deepEqual(await clean({ results: ['absent'], age: 16 }), { looks: 1, entry: undefined });
  });

  for (const result of ['failed', 'unreachable'] as const) {
    it(`keeps the error in the ledger when it is ${result}`, async () => {
      const { entry } = await clean({ results: [result], created: true });
      assert.equal(entry?.state, 'failed');
      assert.equal(entry?.error?.code, result === 'failed' ? 'VSPHERE_BUSY' : 'VSPHERE_UNREACHABLE');
    });
  }
});
