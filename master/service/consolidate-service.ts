/** Consolidating a restore point: what it would do is told from the catalog, the work is a run of one task. */
import { AppError } from '../../shared/base/errors.ts';
import { type ConsolidateView } from '../../shared/contract/consolidate.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { type Chain, chainOf } from '../jobs/chain.ts';
import { runUsing } from '../retention/in-use.ts';
import { type PointService } from '../services.ts';
import { type ServiceContext, onlineDevices, pointNamed } from './context.ts';
import { startPointTask } from './restore-service.ts';

export async function consolidate(
  context: ServiceContext,
  ...[idOrPrefix, { dryRun = false }]: Parameters<PointService['consolidate']>
): Promise<ConsolidateView> {
  const { catalog } = context;
  const point = pointNamed(catalog, idOrPrefix);
  const chain = chainOf(point, catalog.savesets.point);
  const obstacles = obstaclesOf(catalog, point, { chain, online: await onlineDevices(context) });
  const view = {
    savesetId: point.savesetId,
    vm: point.vmName,
    createdAt: point.createdAt,
    possible: obstacles.length === 0,
    obstacles,
    chain: chain.points.map((link) => link.savesetId),
    dependents: catalog.savesets.dependents(point.savesetId),
  };
  if (dryRun) return { ...view, runId: null };
  if (!view.possible) {
    throw new AppError(
      point.baseId === null ? 'CONSOLIDATE_NOT_NEEDED' : 'CONSOLIDATE_NOT_POSSIBLE',
      `Cannot consolidate restore point ${point.savesetId}: ${obstacles.join('; ')}`,
      { point: point.savesetId },
    );
  }
  const subject = `${point.vmName} (${point.createdAt})`;
  const target = { kind: 'consolidate', savesetId: point.savesetId } as const;
  return { ...view, ...startPointTask(context, point, subject, target) };
}

function obstaclesOf(
  catalog: Catalog,
  point: SavesetRecord,
  { chain, online }: { readonly chain: Chain<SavesetRecord>; readonly online: ReadonlySet<string> },
): string[] {
  const obstacles: string[] = [];
  if (point.baseId === null) obstacles.push('it is a full point already');
  if (chain.missing !== null) obstacles.push(`saveset ${chain.missing} of the chain is not there`);
  const devices = new Set(chain.points.map((link) => link.deviceId));
  if (devices.size > 1) obstacles.push('its chain lies on several devices');
  for (const deviceId of devices) {
    const name = catalog.devices.byId(deviceId)?.name ?? deviceId;
    if (!online.has(deviceId)) obstacles.push(`device "${name}" is not online`);
  }
  const run = runUsing(catalog, point) ?? readerOf(catalog, point);
  if (run !== undefined) obstacles.push(`it is in use by run ${run}`);
  return obstacles;
}

/** A run that reads a point which builds on this one. */
function readerOf({ savesets }: Catalog, { savesetId }: SavesetRecord): number | undefined {
  return savesets.savesetUses().find((use) => {
    const reader = savesets.point(use.savesetId);
    const links = reader === undefined ? [] : chainOf(reader, savesets.point).points;
    return links.some((link) => link.savesetId === savesetId);
  })?.runId;
}
