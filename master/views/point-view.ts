/** Restore points as the API shows them. */
import { type PointSummary, type PointView } from '../../shared/contract/api.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type PointLink } from '../catalog/points.ts';
import { type SavesetDiskRecord } from '../catalog/saveset-disks.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { chainOf } from '../jobs/chain.ts';

/** Devices that can be used now, by id. */
export type OnlineDevices = ReadonlySet<string>;

export function pointSummary(catalog: Catalog, online: OnlineDevices, point: SavesetRecord): PointSummary {
  const device = catalog.devices.byId(point.deviceId);
  const chain = chainOf<PointLink>(point, catalog.savesets.link);
  return {
    savesetId: point.savesetId,
    vm: point.vmName,
    instanceUuid: point.vmUuid,
    server: point.server,
    job: point.job,
    type: point.type,
    base: point.baseId,
    createdAt: point.createdAt,
    device: device?.name ?? point.deviceId,
    deviceOnline: online.has(point.deviceId),
    consistency: point.consistency,
    consistencyAsked: point.consistencyAsked,
    runId: point.runId,
    taskId: point.taskId,
    counters: point.counters,
    chain: chain.points.map((link) => link.savesetId),
    missing: chain.missing,
    verifiedAt: point.verifiedAt,
    pin: catalog.savesets.pinOf(point.savesetId),
  };
}

export function pointView(catalog: Catalog, online: OnlineDevices, point: SavesetRecord): PointView {
  return {
    ...pointSummary(catalog, online, point),
    disks: catalog.savesets.disksOf(point.savesetId).map(diskView),
    leftOutDisks: [...point.leftOutDisks],
    warnings: [...point.warnings],
    dependents: catalog.savesets.dependents(point.savesetId),
  };
}

function diskView(disk: SavesetDiskRecord): PointView['disks'][number] {
  return { ...disk, volumes: disk.volumes.map((volume) => ({ ...volume, kept: [...volume.kept] })) };
}
