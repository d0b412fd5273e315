/**
 * The composition root: the only place where the parts of the service are made and put together, and where they are taken
 * apart again in the reverse order.
 */
import { chmod, mkdir } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { type Clock, isoTime } from '../shared/base/clock.ts';
import { DisposeStack } from '../shared/base/dispose.ts';
import { AppError } from '../shared/base/errors.ts';
import { type Log } from '../shared/base/log.ts';
import { codecInUse } from '../shared/repository/compression.ts';
import { VERSION } from '../shared/base/version.ts';
import { type Config } from '../shared/contract/config.ts';
import { type DeviceStore, deviceStore } from './adapters/device-store.ts';
import { patientStore } from './adapters/patient-store.ts';
import { type VsphereAccess, vsphereAccess } from './adapters/vsphere-access.ts';
import { Catalog } from './catalog/catalog.ts';
import { lockInstance } from './catalog/instance-lock.ts';
import { DeviceKeys } from './device-keys.ts';
import { Dispatcher } from './dispatch/dispatcher.ts';
import { recover } from './dispatch/recovery.ts';
import { WorkerPool } from './dispatch/worker-pool.ts';
import { Janitor } from './janitor.ts';
import { NO_DEVICE, STREAMS_WITHOUT_DEVICE, StreamRegistry } from './registry/stream-registry.ts';
import { finishRemovals } from './retention/removal.ts';
import { Secrets } from './secrets.ts';
import { type ServiceContext, serverAccess } from './service/context.ts';
import { deviceKeyService } from './service/device-key-service.ts';
import { deviceService } from './service/device-service.ts';
import { inspectService } from './service/inspect-service.ts';
import { jobService } from './service/job-service.ts';
import { pointService } from './service/point-service.ts';
import { pruneService } from './service/prune-service.ts';
import { rebuildService } from './service/rebuild-service.ts';
import { restoreService } from './service/restore-service.ts';
import { verifyService } from './service/verify-service.ts';
import { runService } from './service/run-service.ts';
import { serverService } from './service/server-service.ts';
import { type Services } from './services.ts';

export interface AppOptions {
  readonly dataDir: string;
  readonly config: Config;
  readonly log: Log;
  readonly clock: Clock;
  /** What a worker runs; by default worker/main. */
  readonly workerEntry?: string;
  /** In place of the real ones. */
  readonly vsphere?: VsphereAccess;
  readonly devices?: DeviceStore;
}

const OWNER_ONLY = 0o700;

export class App implements AsyncDisposable {
  readonly services: Services;
  readonly #options: AppOptions;
  readonly #dispatcher: Dispatcher;
  readonly #stack: DisposeStack;

  private constructor(options: AppOptions, parts: ServiceContext, stack: DisposeStack) {
    this.#options = options;
    this.#dispatcher = parts.dispatcher;
    this.#stack = stack;
    this.services = makeServices(parts);
  }

  /**
   * Opens the data folder, settles what an earlier start left, and is ready for work.
   * @throws AppError `SERVICE_ALREADY_RUNNING`, `CATALOG_VERSION_UNKNOWN`, `CATALOG_FAILED`, `CONFIG_INVALID`
   */
  static async open(options: AppOptions): Promise<App> {
    await mkdir(options.dataDir, { recursive: true, mode: OWNER_ONLY });
    await chmod(options.dataDir, OWNER_ONLY);
    await using stack = new DisposeStack();
    const parts = await assemble(options, stack);
    return new App(options, parts, stack.move());
  }

  /** Graceful: no new work, running tasks are asked to stop, snapshots are removed, then everything is closed. */
  async [Symbol.asyncDispose](): Promise<void> {
    const error = new AppError('SERVICE_STOPPING', 'The service was stopped');
    await this.#dispatcher.stop({ outcome: 'cancelled', error }, this.#options.config.shutdownMs);
    await this.#stack[Symbol.asyncDispose]();
  }
}

async function assemble(options: AppOptions, stack: DisposeStack): Promise<ServiceContext> {
  const { dataDir, config, clock, log } = options;
  stack.use(lockInstance(dataDir));
  const secrets = await Secrets.open(dataDir);
  const keys = new DeviceKeys(secrets, clock);
  const catalog = stack.use(Catalog.open(dataDir));
  const devices = patientStore(options.devices ?? deviceStore(clock, keys), clock);
  const vsphere = options.vsphere ?? vsphereAccess({ clock, log });
  await recover({ catalog, keeper: devices, clock, log });
  await finishRemovals({ catalog, devices, clock, log });
  const registry = new StreamRegistry();
  for (const device of catalog.devices.list()) registry.setDevice(device.deviceId, device.streams);
  registry.setDevice(NO_DEVICE, STREAMS_WITHOUT_DEVICE);
  const accessOf = (name: string) => serverAccess(catalog, secrets, name);
  const janitor: Janitor = new Janitor({
    catalog,
    cleaner: vsphere,
    accessOf,
    isLive: (token) => dispatcher.isLive(token),
    clock,
    log,
    everyMs: config.janitorMs,
  });
  const forge = new WorkerPool({ entry: options.workerEntry, log, clock, env: workerEnv(dataDir, config) });
  const dispatcher = new Dispatcher({
    catalog,
    keeper: devices,
    forge,
    registry,
    accessOf,
    cleanVm: (server, vmMoref) => janitor.cleanVm(server, vmMoref),
    config,
    processors: availableParallelism(),
    clock,
    log,
  });
  stack.use(janitor);
  stack.use(forge);
  janitor.start();
  return { catalog, secrets, keys, devices, vsphere, registry, dispatcher, clock, log };
}

/** What a worker reads of its environment: docs/protocol/ipc.md. */
function workerEnv(dataDir: string, config: Config): Readonly<Record<string, string>> {
  return {
    BLOCKHOUSE_LOGS: path.join(dataDir, 'logs'),
    BLOCKHOUSE_CACHE: path.join(dataDir, 'cache'),
    BLOCKHOUSE_LOG_LEVEL: config.logLevel,
  };
}

function makeServices(parts: ServiceContext): Services {
  const startedAt = isoTime(parts.clock.nowMs());
  const devices = deviceService(parts);
  return {
    servers: serverService(parts),
    devices,
    keys: deviceKeyService(parts),
    jobs: jobService(parts),
    inspect: inspectService(parts),
    runs: runService(parts),
    points: pointService(parts),
    restore: restoreService(parts),
    prune: pruneService(parts, (name) => devices.reclaim(name, {})),
    verify: verifyService(parts),
    rebuild: rebuildService(parts),
    health: async () =>
      Promise.resolve({
        version: VERSION,
        pid: process.pid,
        startedAt,
        activeRuns: parts.dispatcher.activeRuns,
        compression: { codec: codecInUse.codec, provider: codecInUse.provider },
      }),
  };
}
