/** Restores: planned from the catalog and the devices, carried out as runs of one task. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { restoreDiskBody } from '../../shared/contract/api.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { type TaskTarget } from '../catalog/tasks.ts';
import { selectDisk } from '../restore/disk-selector.ts';
import { planRestore } from '../restore/restore-plan.ts';
import { checkFileTarget } from '../restore/target-check.ts';
import { type RestoreService } from '../services.ts';
import { type ServiceContext, pointNamed } from './context.ts';

export function restoreService(context: ServiceContext): RestoreService {
  const { catalog } = context;
  return {
    plan: async (body) => planRestore(context, pointNamed(catalog, body.point), body.disk),
    async disk(body) {
      const { path, format, overwrite, ...asked } = parse(
        restoreDiskBody,
        body,
        'USAGE_INVALID',
        'the restore',
      );
      const point = pointNamed(catalog, asked.point);
      const disk = selectDisk(catalog.savesets.disksOf(point.savesetId), asked.disk);
      const plan = await planRestore(context, point, String(disk.key));
      refuseObstacles(point, plan.obstacles);
      await checkFileTarget({ path, overwrite, neededBytes: plan.totals.writeBytes });
      const target = { kind: 'restore', savesetId: point.savesetId, diskKey: disk.key } as const;
      const subject = `${point.vmName} ${disk.label} (${point.createdAt})`;
      return startPointTask(context, point, subject, { ...target, target: { path, format, overwrite } });
    },
  };
}

function refuseObstacles(point: SavesetRecord, obstacles: readonly string[]): void {
  if (obstacles.length === 0) return;
  const text = obstacles.join('; ');
  throw new AppError('RESTORE_NOT_POSSIBLE', `Cannot read restore point ${point.savesetId}: ${text}`, {
    point: point.savesetId,
  });
}

/** Starts a run of one task, on a stream of the device that holds the newest saveset of the chain. */
export function startPointTask(
  context: ServiceContext,
  point: SavesetRecord,
  subject: string,
  target: TaskTarget,
): { readonly runId: number } {
  const { catalog, dispatcher, clock } = context;
  const runId = catalog.transact(() => {
    const startedAt = isoTime(clock.nowMs());
    const kind = target.kind;
    const run = { kind, job: null, requestedType: null, startedAt, streamSetting: 1, warnings: [] };
    const id = catalog.runs.insert(run);
    catalog.tasks.insert(id, subject, target);
    return id;
  });
  dispatcher.add(runId, [point.deviceId]);
  return { runId };
}
