/** What the services share, and the look-ups that end in the same errors everywhere. */
import { AppError } from '../../shared/base/errors.ts';
import { type Clock } from '../../shared/base/clock.ts';
import { type Log } from '../../shared/base/log.ts';
import { type ServerAccess } from '../../shared/contract/ipc.ts';
import { type Job } from '../../shared/domain/job.ts';
import { type DeviceStore } from '../adapters/device-store.ts';
import { type VsphereAccess } from '../adapters/vsphere-access.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type DeviceRecord } from '../catalog/devices.ts';
import { type RunRecord } from '../catalog/runs.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { type ServerRecord } from '../catalog/servers.ts';
import { type DeviceKeys } from '../device-keys.ts';
import { type Dispatcher } from '../dispatch/dispatcher.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { type StreamRegistry } from '../registry/stream-registry.ts';
import { type Secrets } from '../secrets.ts';

export interface ServiceContext {
  readonly catalog: Catalog;
  readonly secrets: Secrets;
  readonly keys: DeviceKeys;
  readonly devices: DeviceStore;
  readonly vsphere: VsphereAccess;
  readonly registry: StreamRegistry;
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  readonly log: Log;
}

const SAVESET_ID_DIGITS = 16;
const MIN_PREFIX_DIGITS = 4;

function notFound(kind: string, name: string | number): AppError {
  const text = typeof name === 'number' ? String(name) : `"${name}"`;
  return new AppError('USAGE_NOT_FOUND', `Cannot find ${kind} ${text}`, { kind, name });
}

/** @throws AppError `USAGE_NOT_FOUND` */
export function serverNamed(catalog: Catalog, name: string): ServerRecord {
  const server = catalog.servers.get(name);
  if (server === undefined) throw notFound('server', name);
  return server;
}

/** @throws AppError `USAGE_NOT_FOUND` */
export function deviceNamed(catalog: Catalog, name: string): DeviceRecord {
  const device = catalog.devices.byName(name);
  if (device === undefined) throw notFound('device', name);
  return device;
}

/** @throws AppError `USAGE_NOT_FOUND` */
export function jobNamed(catalog: Catalog, name: string): Job {
  const job = catalog.jobs.get(name);
  if (job === undefined) throw notFound('job', name);
  return job;
}

/** @throws AppError `USAGE_NOT_FOUND` */
export function runNumbered(catalog: Catalog, runId: number): RunRecord {
  const run = catalog.runs.get(runId);
  if (run === undefined) throw notFound('run', runId);
  return run;
}

/** The one restore point whose id is or begins with `text`. @throws AppError `USAGE_NOT_FOUND`, `USAGE_AMBIGUOUS` */
export function pointNamed(catalog: Catalog, text: string): SavesetRecord {
  const prefix = text.toLowerCase();
  const digits = /^[0-9a-f]+$/.test(prefix) ? prefix.length : 0;
  if (digits < MIN_PREFIX_DIGITS || digits > SAVESET_ID_DIGITS) throw notFound('restore point', text);
  const found = catalog.savesets.pointsBeginningWith(prefix, 2);
  const [first, second] = found;
  if (first === undefined) throw notFound('restore point', text);
  if (second !== undefined) {
    throw new AppError('USAGE_AMBIGUOUS', `Cannot tell which restore point "${text}" means`, {
      first: first.savesetId,
      second: second.savesetId,
    });
  }
  return first;
}

/** How a worker or the janitor gets to the server, password included: never to be logged or stored. */
export function serverAccess(catalog: Catalog, secrets: Secrets, name: string): ServerAccess {
  const { url, username, fingerprint, datastorePaths } = serverNamed(catalog, name);
  return {
    name,
    url,
    username,
    fingerprint,
    datastorePaths: { ...datastorePaths },
    password: secrets.get(name),
  };
}

/** Ids of the registered devices that can be used now. */
export async function onlineDevices(context: ServiceContext): Promise<ReadonlySet<string>> {
  const devices = context.catalog.devices.list();
  const reasons = await Promise.all(
    devices.map((device) => context.devices.whyOffline(deviceAccess(device))),
  );
  return new Set(devices.filter((_device, i) => reasons[i] === undefined).map((device) => device.deviceId));
}
