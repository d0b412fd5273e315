/** Servers: the logins of vCenter and ESXi hosts. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import { type ServerRemoval, type VmView, serverBody } from '../../shared/contract/servers.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type InventoryVm } from '../../shared/vsphere/inventory.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type ServerRecord } from '../catalog/servers.ts';
import { type LedgerEntry } from '../catalog/snapshot-ledger.ts';
import { type TaskRecord } from '../catalog/tasks.ts';
import { type ServerService } from '../services.ts';
import { type ServiceContext, serverAccess, serverNamed } from './context.ts';

const SHOWN_SNAPSHOTS = 100;

export function serverService(
  context: Pick<ServiceContext, 'catalog' | 'secrets' | 'vsphere' | 'clock' | 'log'>,
): ServerService {
  const { catalog, secrets, vsphere } = context;
  const access = (name: string) => serverAccess(catalog, secrets, name);
  return {
    async add(body, signal) {
      const { replace, password, ...server } = parse(serverBody, body, 'USAGE_INVALID', 'the server');
      if (!replace && catalog.servers.get(server.name) !== undefined) {
        throw new AppError('USAGE_CONFLICT', `Cannot add server "${server.name}": there is one of that name`);
      }
      await vsphere.login({ ...server, password }, signal);
      await secrets.put(server.name, password);
      catalog.servers.put(server);
      return view(server);
    },
    list: async () => Promise.resolve(catalog.servers.list().map(view)),
    async remove(name, { force = false, dryRun = false } = {}) {
      serverNamed(catalog, name);
      const left = leftOn(catalog, name);
      const removal = removalOf(catalog, name, left);
      if (dryRun) return removal;
      refuseInUse(catalog, name, removal.jobs);
      if (!force) refuseLeftSnapshots(name, left);
      forget(context, name, left);
      await secrets.remove(name);
      return { ...removal, removed: true };
    },
    async test(name, signal) {
      const { missingPrivileges, ...probe } = await vsphere.probe(access(name), signal);
      return { name, ...probe, missingPrivileges: [...missingPrivileges] };
    },
    fingerprint: (url, signal) => vsphere.fingerprint(url, signal),
    async vms(name, signal) {
      const vms = await vsphere.listVms(access(name), signal);
      return vms.map((vm) => vmView(vm, catalog.savesets.lastPointAt(name, vm.moref)));
    },
  };
}

const leftOn = (catalog: Catalog, name: string): readonly LedgerEntry[] =>
  catalog.ledger.open().filter((entry) => entry.server === name);

function removalOf(catalog: Catalog, name: string, left: readonly LedgerEntry[]): ServerRemoval {
  const jobs = catalog.jobs.list().filter(({ server }) => server === name);
  return {
    removed: false,
    left: left.slice(0, SHOWN_SNAPSHOTS).map((entry) => ({
      vm: entry.vmName,
      moref: entry.vmMoref,
      snapshot: entry.snapshotName,
    })),
    leftCount: left.length,
    jobs: jobs.map((job) => job.name),
  };
}

/** A run may be about to make a snapshot that is in no ledger yet. */
function refuseInUse(catalog: Catalog, name: string, [job]: readonly string[]): void {
  if (job !== undefined) {
    throw new AppError('USAGE_CONFLICT', `Cannot remove server "${name}": job "${job}" uses it`);
  }
  const worksOnIt = ({ state, target }: TaskRecord): boolean =>
    state !== 'done' && 'server' in target && target.server === name;
  const run = catalog.runs.listOpen().find(({ runId }) => catalog.tasks.ofRun(runId).some(worksOnIt));
  if (run === undefined) return;
  const facts = { server: name, runId: run.runId };
  throw new AppError('USAGE_BUSY', `Cannot remove server "${name}": run ${run.runId} works on it`, facts);
}

/** The server, and what is left on it where that is given up: the log keeps their names. All of it, or nothing. */
function forget(
  { catalog, clock, log }: Pick<ServiceContext, 'catalog' | 'clock' | 'log'>,
  name: string,
  left: readonly LedgerEntry[],
): void {
  const at = isoTime(clock.nowMs());
  for (const { snapshotName: snapshot, vmName: vm, vmMoref: moref } of left)
    log.warn('a snapshot is given up with its server', { server: name, vm, moref, snapshot });
  catalog.transact(() => {
    for (const { snapshotName } of left) catalog.ledger.removed(snapshotName, at);
    catalog.servers.remove(name);
  });
}

/** Without its login nobody could remove them any more. */
function refuseLeftSnapshots(name: string, left: readonly LedgerEntry[]): void {
  const [first] = left;
  if (first === undefined) return;
  const what = left.length === 1 ? 'a snapshot' : `${left.length} snapshots`;
  throw new AppError(
    'SERVER_SNAPSHOTS_LEFT',
    `Cannot remove server "${name}": the clean-up still has to remove ${what} of ours from it, such as ` +
      `"${first.snapshotName}" of VM "${first.vmName}"`,
    { server: name, snapshots: left.length },
  );
}

function view(server: ServerRecord) {
  return { ...server, datastorePaths: { ...server.datastorePaths } };
}

function vmView(vm: InventoryVm, lastPoint: string | null): VmView {
  const { moref, name, inventoryPath, instanceUuid, powerState, template, provisionedBytes } = vm;
  const disks = vm.disks.map(({ key, label, capacityBytes }) => ({ key, label, capacityBytes }));
  const changeTracking = vm.changeTrackingEnabled;
  return {
    moref,
    name,
    inventoryPath,
    instanceUuid,
    powerState,
    template,
    changeTracking,
    provisionedBytes,
    disks,
    lastPoint,
  };
}
