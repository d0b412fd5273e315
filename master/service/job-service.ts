/** Jobs: their definitions, what they would take now, and starting them. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type JobView, jobBody, jobPatch } from '../../shared/contract/api.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type RequestedType } from '../../shared/domain/backup-type.ts';
import { type RetentionPatch } from '../../shared/contract/retention.ts';
import { type Job } from '../../shared/domain/job.ts';
import { type RetentionPolicy, hasRules } from '../../shared/domain/retention.ts';
import { type InventoryVm } from '../../shared/vsphere/inventory.ts';
import { type Selection, selectVms } from '../jobs/selection.ts';
import { type JobService } from '../services.ts';
import { type ServiceContext, deviceNamed, jobNamed, serverAccess, serverNamed } from './context.ts';

export function jobService(context: ServiceContext): JobService {
  const { catalog } = context;
  return {
    async add(body) {
      const job = parse(jobBody, body, 'USAGE_INVALID', 'the job');
      if (catalog.jobs.get(job.name) !== undefined) {
        throw new AppError('USAGE_CONFLICT', `Cannot add job "${job.name}": there is one of that name`);
      }
      return Promise.resolve(keep(context, job));
    },
    list: async () => Promise.resolve(catalog.jobs.list().map(view)),
    show: async (name) => Promise.resolve(view(jobNamed(catalog, name))),
    async edit(name, patch) {
      const { options, retention, ...rest } = parse(
        jobPatch,
        patch,
        'USAGE_INVALID',
        'the changes of the job',
      );
      const job = jobNamed(catalog, name);
      const changed = defined({
        ...job,
        ...defined(rest),
        options: { ...job.options, ...defined(options ?? {}) },
        retention: changedRetention(job.retention, retention),
      });
      return Promise.resolve(keep(context, parse(jobBody, changed, 'USAGE_INVALID', 'the job')));
    },
    async remove(name) {
      jobNamed(catalog, name);
      const run = catalog.runs.listOpen().find((candidate) => candidate.job?.name === name);
      if (run !== undefined) {
        throw new AppError('USAGE_BUSY', `Cannot remove job "${name}": run ${run.runId} is under way`);
      }
      return Promise.resolve(void catalog.jobs.remove(name));
    },
    async selection(name, signal) {
      const { selected, leftOut } = await select(context, jobNamed(catalog, name), signal);
      return {
        selected: selected.map((vm) => pick(vm)),
        leftOut: leftOut.map(({ vm, reason }) => ({
          name: vm.name,
          inventoryPath: vm.inventoryPath,
          reason,
        })),
      };
    },
    run: (name, type, signal) => start(context, jobNamed(catalog, name), type, signal),
  };
}

async function start(
  context: ServiceContext,
  job: Job,
  type: RequestedType | undefined,
  signal: AbortSignal,
): Promise<{ runId: number }> {
  const { catalog, dispatcher, clock } = context;
  const devices = [...new Set(job.devices)].map((name) => deviceNamed(catalog, name).deviceId);
  const { selected, idlePatterns } = await select(context, job, signal);
  const runId = catalog.transact(() => {
    const id = catalog.runs.insert({
      kind: 'backup',
      job,
      requestedType: type ?? job.options.type,
      startedAt: isoTime(clock.nowMs()),
      streamSetting: job.maxParallelStreams,
      warnings: warningsOf(idlePatterns, selected.length),
    });
    for (const vm of selected) catalog.tasks.insert(id, vm.name, backupTarget(job.server, vm));
    return id;
  });
  dispatcher.add(runId, devices);
  return { runId };
}

function backupTarget(server: string, vm: InventoryVm) {
  const { moref, name, instanceUuid, inventoryPath } = vm;
  return { kind: 'backup', server, vm: { moref, name, instanceUuid, inventoryPath } } as const;
}

function warningsOf(idlePatterns: readonly string[], selected: number): Warning[] {
  const idle = idlePatterns.map((pattern) => `Pattern "${pattern}" matches no VM`);
  const texts = selected === 0 && idle.length === 0 ? ['Every VM that matches is left out'] : idle;
  return texts.map((message) => ({ code: 'USAGE_NOT_FOUND', message }));
}

async function select(
  context: ServiceContext,
  job: Job,
  signal: AbortSignal,
): Promise<Selection<InventoryVm>> {
  const access = serverAccess(context.catalog, context.secrets, job.server);
  const vms = await context.vsphere.listVms(access, signal);
  return selectVms(vms, job.vmPatterns, job.excludePatterns);
}

/** Stores a job after everything that it names was found. */
function keep(context: ServiceContext, job: Job): JobView {
  requireFilter(job);
  serverNamed(context.catalog, job.server);
  for (const name of job.devices) deviceNamed(context.catalog, name);
  selectVms([], job.vmPatterns, job.excludePatterns);
  context.catalog.jobs.put(job);
  return view(job);
}

/** Files are found by the filter alone. */
function requireFilter({ name, options: { abm, excludeSwap = false, excludePaths = [] } }: Job): void {
  if (abm || (!excludeSwap && excludePaths.length === 0)) return;
  throw new AppError(
    'USAGE_INVALID',
    `Cannot leave files out in job "${name}" without Active Block Mapping: use --abm`,
  );
}

/** Undefined when no rule is left. */
function changedRetention(
  policy: RetentionPolicy | undefined,
  patch: RetentionPatch | null | undefined,
): RetentionPolicy | undefined {
  if (patch === null) return undefined;
  const merged = Object.entries({ ...policy, ...defined(patch ?? {}) });
  const rules = Object.fromEntries(merged.filter(([, rule]) => rule !== null)) as RetentionPolicy;
  return hasRules(rules) ? rules : undefined;
}

function view(job: Job): JobView {
  return {
    ...job,
    vmPatterns: [...job.vmPatterns],
    excludePatterns: [...job.excludePatterns],
    devices: [...job.devices],
    options: {
      ...job.options,
      dropShadowCopies: job.options.dropShadowCopies ?? false,
      excludeSwap: job.options.excludeSwap ?? false,
      excludePaths: [...(job.options.excludePaths ?? [])],
    },
  };
}

function pick({ name, inventoryPath, provisionedBytes }: InventoryVm) {
  return { name, inventoryPath, provisionedBytes };
}

/** Without the fields that are undefined. */
function defined<T extends object>(value: T): Partial<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Partial<T>;
}
