/**
 * What a restore of a point would read and write, and what stands in its way: found by the same resolver that the worker uses,
 * from manifests and disk indexes, without reading a chunk. Obstacles are values: a plan that cannot run is still a plan.
 */
import { toAppError } from '../../shared/base/errors.ts';
import { type RestorePlanView } from '../../shared/contract/api.ts';
import { bytesOf } from '../../shared/domain/extent-map.ts';
import { type DeviceAccess } from '../../shared/contract/ipc.ts';
import { type ManifestDisk } from '../../shared/format/manifest.ts';
import {
  type ChainDisk,
  type ResolvedSummary,
  addSummaries,
  resolveDisk,
  summarize,
} from '../../shared/repository/resolve-disk.ts';
import { type DeviceStore } from '../adapters/device-store.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { chainOf } from '../jobs/chain.ts';
import { selectDisk } from './disk-selector.ts';

export interface PlanSources {
  readonly catalog: Catalog;
  readonly devices: DeviceStore;
}

type DiskPlan = RestorePlanView['disks'][number];

interface PlannedDisk {
  readonly plan: DiskPlan;
  readonly summary: ResolvedSummary;
}

/** @throws AppError `USAGE_NOT_FOUND`, `USAGE_AMBIGUOUS` for a disk that the point does not have */
export async function planRestore(
  sources: PlanSources,
  point: SavesetRecord,
  diskSelector: string | undefined,
): Promise<RestorePlanView> {
  const { catalog } = sources;
  const known = catalog.savesets.disksOf(point.savesetId);
  const keys = (diskSelector === undefined ? known : [selectDisk(known, diskSelector)]).map(
    (disk) => disk.key,
  );
  const chain = chainOf(point, catalog.savesets.point);
  const links = await Promise.all(chain.points.map((link) => linkOf(sources, link)));
  const obstacles = chain.missing === null ? [] : [`saveset ${chain.missing} of the chain is not there`];
  for (const { device, offline } of links) {
    const text = offline === undefined ? undefined : `device "${device.name}": ${offline}`;
    if (text !== undefined && !obstacles.includes(text)) obstacles.push(text);
  }
  const planned: PlannedDisk[] = [];
  if (obstacles.length === 0) {
    for (const key of keys) {
      const disk = await planDisk(sources, links, key).catch((error: unknown) => toAppError(error).message);
      if (typeof disk === 'string') obstacles.push(disk);
      else planned.push(disk);
    }
  }
  return view(point, { links, planned, obstacles });
}

interface Link {
  readonly point: SavesetRecord;
  readonly device: DeviceRecord;
  readonly offline: string | undefined;
}

async function linkOf({ catalog, devices }: PlanSources, point: SavesetRecord): Promise<Link> {
  const found = catalog.devices.byId(point.deviceId);
  const device = found ?? {
    deviceId: point.deviceId,
    name: point.deviceId,
    path: '',
    streams: 0,
    registered: false,
  };
  const offline = device.registered ? await devices.whyOffline(deviceAccess(device)) : 'it is not registered';
  return { point, device, offline };
}

/** The saveset of a chain, and the disk as it knows it. */
interface DiskLink {
  readonly savesetId: string;
  readonly device: DeviceAccess;
  readonly disk: ManifestDisk;
}

async function planDisk(sources: PlanSources, links: readonly Link[], key: number): Promise<PlannedDisk> {
  const chain = await disksOf(sources, links, key);
  const head = chain[0]?.disk;
  const summaries: ResolvedSummary[] = [];
  const bytes = { zeroBytes: 0, freeBytes: 0 };
  // one segment at a time: a chain of indexes of a whole disk may not fit into memory
  for (const segment of head?.layers[0]?.segments.keys() ?? []) {
    const resolved = resolveDisk(await segmentOf(sources, chain, segment));
    summaries.push(summarize(resolved));
    bytes.zeroBytes += bytesOf(resolved, 'zero');
    bytes.freeBytes += bytesOf(resolved, 'free');
  }
  const summary = addSummaries(summaries);
  const { packs, chunks, readBytes, writeBytes } = summary;
  const plan = {
    key,
    label: head?.label ?? '',
    capacityBytes: head?.capacityBytes ?? 0,
    savesets: summary.byLayer.filter((layer) => layer.chunks > 0).length,
    ...{ packs, chunks, readBytes, writeBytes, ...bytes },
  };
  return { summary, plan };
}

/** The disk in each saveset that a restore of it reads, newest first. */
async function disksOf(sources: PlanSources, links: readonly Link[], key: number): Promise<DiskLink[]> {
  const chain: DiskLink[] = [];
  for (const { point, device } of links) {
    const access = deviceAccess(device);
    const { savesetId } = point;
    const manifest = await sources.devices.readSealed(access, savesetId);
    const disk = manifest.disks.find((candidate) => candidate.key === key);
    if (disk === undefined) break;
    chain.push({ savesetId, device: access, disk });
    if (disk.base === null) break;
  }
  return chain;
}

async function segmentOf(
  { devices }: PlanSources,
  chain: readonly DiskLink[],
  segment: number,
): Promise<ChainDisk[]> {
  const found: ChainDisk[] = [];
  for (const { savesetId, device, disk } of chain) {
    for (const index of await devices.readSegment(device, savesetId, disk, segment))
      found.push({ savesetId, deviceId: device.deviceId, index });
  }
  return found;
}

function view(
  point: SavesetRecord,
  found: { links: readonly Link[]; planned: readonly PlannedDisk[]; obstacles: string[] },
): RestorePlanView {
  const { links, planned, obstacles } = found;
  const layers = planned.flatMap(({ summary }) => summary.byLayer);
  const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
  return {
    savesetId: point.savesetId,
    vm: point.vmName,
    createdAt: point.createdAt,
    possible: obstacles.length === 0,
    obstacles,
    chain: links.map(({ point: { savesetId, type, createdAt }, device, offline }) => ({
      savesetId,
      type,
      createdAt,
      device: device.name,
      online: offline === undefined,
      writeBytes: sum(
        layers.filter((layer) => layer.savesetId === savesetId).map((layer) => layer.writeBytes),
      ),
    })),
    disks: planned.map(({ plan }) => plan),
    totals: {
      packs: sum(planned.map(({ plan }) => plan.packs)),
      readBytes: sum(planned.map(({ plan }) => plan.readBytes)),
      writeBytes: sum(planned.map(({ plan }) => plan.writeBytes)),
    },
  };
}
