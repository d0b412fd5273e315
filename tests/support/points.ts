/** Restore points for tests of the catalog and of what is planned from it. */
import { type Catalog } from '../../master/catalog/catalog.ts';
import { type SavesetRecord } from '../../master/catalog/saveset-rows.ts';
import { noBytes } from '../../shared/domain/task.ts';

export function point(savesetId: string, more: Partial<SavesetRecord> = {}): SavesetRecord {
  return {
    savesetId,
    token: 1,
    deviceId: 'd'.repeat(32),
    runId: 1,
    taskId: 1,
    job: 'nightly',
    server: 'vc',
    vmName: 'db01',
    vmUuid: 'uuid-1',
    vmMoref: 'vm-1',
    type: 'full',
    baseId: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    finishedAt: '2026-01-01T00:01:00.000Z',
    consistencyAsked: 'application',
    consistency: 'crash',
    consistencyNote: null,
    manifestSha256: '0'.repeat(64),
    counters: noBytes,
    leftOutDisks: [],
    warnings: [],
    verifiedAt: null,
    ...more,
  };
}

/** Seals `points` on a device `tape0` that is registered when it is not. */
export function storePoints(catalog: Catalog, points: readonly SavesetRecord[]): void {
  for (const record of points) {
    catalog.devices.register({ deviceId: record.deviceId, name: 'tape0', path: '/nowhere', streams: 1 });
    catalog.savesets.insertUnsealed(record);
    catalog.savesets.setSealed(record, []);
  }
}
