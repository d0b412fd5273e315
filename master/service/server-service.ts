/** Servers: the logins of vCenter and ESXi hosts. */
import { AppError } from '../../shared/base/errors.ts';
import { type VmView, serverBody } from '../../shared/contract/api.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type InventoryVm } from '../../shared/vsphere/inventory.ts';
import { type Catalog } from '../catalog/catalog.ts';
import { type ServerRecord } from '../catalog/servers.ts';
import { type ServerService } from '../services.ts';
import { type ServiceContext, serverAccess, serverNamed } from './context.ts';

export function serverService(
  context: Pick<ServiceContext, 'catalog' | 'secrets' | 'vsphere'>,
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
    async remove(name) {
      serverNamed(catalog, name);
      const job = catalog.jobs.list().find((candidate) => candidate.server === name);
      if (job !== undefined) {
        throw new AppError('USAGE_CONFLICT', `Cannot remove server "${name}": job "${job.name}" uses it`);
      }
      refuseLeftSnapshots(catalog, name);
      catalog.servers.remove(name);
      await secrets.remove(name);
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

/** Without its login nobody could remove them any more. */
function refuseLeftSnapshots(catalog: Catalog, name: string): void {
  const open = catalog.ledger.open().filter((entry) => entry.server === name);
  const [first] = open;
  if (first === undefined) return;
  const what = open.length === 1 ? 'a snapshot' : `${open.length} snapshots`;
  throw new AppError(
    'USAGE_CONFLICT',
    `Cannot remove server "${name}": the clean-up still has to remove ${what} of ours from it, such as ` +
      `"${first.snapshotName}" of VM "${first.vmName}"; make the server reachable and wait until it is done`,
    { server: name, snapshots: open.length },
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
