/** Looking at the disks of a VM: which VM is meant, and a run of one task that needs no device. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { inspectBody } from '../../shared/contract/vm-inspection.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type InventoryVm } from '../../shared/vsphere/inventory.ts';
import { vmsNamed, whyNoSnapshot } from '../jobs/selection.ts';
import { NO_DEVICE } from '../registry/stream-registry.ts';
import { type Services } from '../services.ts';
import { type ServiceContext, serverAccess, serverNamed } from './context.ts';

interface FoundVm extends InventoryVm {
  readonly server: string;
}

const MAX_NAMED = 5;

export function inspectService(context: ServiceContext): Services['inspect'] {
  return async (body, signal) => {
    const asked = parse(inspectBody, body, 'USAGE_INVALID', 'the inspection');
    const { server, dropShadowCopies, transport } = asked;
    const found = await findVm(context, asked.vm, server, signal);
    const why = whyNoSnapshot(found);
    if (why !== undefined)
      throw new AppError('SNAPSHOT_NOT_POSSIBLE', `Cannot inspect the disks of "${found.name}": ${why}`, {
        vm: found.name,
      });
    const { moref, name, instanceUuid, inventoryPath } = found;
    const vm = { moref, name, instanceUuid, inventoryPath };
    return startRun(context, { kind: 'inspect', server: found.server, vm, dropShadowCopies, transport });
  };
}

function startRun(
  { catalog, clock, dispatcher }: ServiceContext,
  target: Parameters<ServiceContext['catalog']['tasks']['insert']>[2] & { readonly kind: 'inspect' },
): { readonly runId: number } {
  const runId = catalog.transact(() => {
    const startedAt = isoTime(clock.nowMs());
    const run = { job: null, requestedType: null, startedAt, streamSetting: 1, warnings: [] };
    const id = catalog.runs.insert({ kind: 'inspect', ...run });
    catalog.tasks.insert(id, target.vm.name, target);
    return id;
  });
  dispatcher.add(runId, [NO_DEVICE]);
  return { runId };
}

/** @throws AppError `USAGE_NOT_FOUND`, `USAGE_AMBIGUOUS` */
async function findVm(
  { catalog, secrets, vsphere }: ServiceContext,
  text: string,
  server: string | undefined,
  signal: AbortSignal,
): Promise<FoundVm> {
  const servers =
    server === undefined
      ? catalog.servers.list().map(({ name }) => name)
      : [serverNamed(catalog, server).name];
  const found: FoundVm[] = [];
  for (const name of servers) {
    const vms = await vsphere.listVms(serverAccess(catalog, secrets, name), signal);
    found.push(...vmsNamed(vms, text).map((vm) => ({ ...vm, server: name })));
  }
  const [first, second] = found;
  if (first === undefined) throw unknownVm(text, servers);
  if (second !== undefined) throw ambiguous(text, found);
  return first;
}

function unknownVm(text: string, servers: readonly string[]): AppError {
  const names = servers.map((name) => `"${name}"`).join(', ');
  const where = servers.length === 0 ? 'no server is registered' : `there is none of that name on ${names}`;
  return new AppError('USAGE_NOT_FOUND', `Cannot find VM "${text}": ${where}`, { kind: 'VM', name: text });
}

function ambiguous(text: string, found: readonly FoundVm[]): AppError {
  const places = found.slice(0, MAX_NAMED).map((vm) => `${vm.moref} (${vm.inventoryPath}) on "${vm.server}"`);
  const message = `Cannot tell which VM "${text}" means: ${places.join(', ')}`;
  return new AppError('USAGE_AMBIGUOUS', message, { found: found.length });
}
