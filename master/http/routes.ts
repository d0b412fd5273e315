/** Every route of the API on the service that fulfils it; docs/protocol/http.md describes them. */
import { AppError } from '../../shared/base/errors.ts';
import { routes } from '../../shared/contract/routes.ts';
import { type Services } from '../services.ts';
import { type RouteTable } from './register.ts';

export function registerRoutes(table: RouteTable, services: Services): void {
  table.on(routes.health, () => services.health());
  registerServers(table, services);
  registerDevices(table, services);
  registerKeys(table, services);
  registerJobs(table, services);
  registerRuns(table, services);
  table.on(routes.inspectVm, ({ body }, signal) => services.inspect(body, signal));
  registerPoints(table, services);
}

function registerServers(table: RouteTable, { servers }: Services): void {
  table.on(routes.listServers, async () => [...(await servers.list())]);
  table.on(routes.addServer, ({ body }, signal) => servers.add(body, signal));
  table.on(routes.removeServer, ({ params, query }) => servers.remove(params.name, query));
  table.on(routes.testServer, ({ params }, signal) => servers.test(params.name, signal));
  table.on(routes.listVms, async ({ params }, signal) => [...(await servers.vms(params.name, signal))]);
  table.on(routes.fingerprint, ({ body }, signal) => servers.fingerprint(body.url, signal));
}

function registerDevices(table: RouteTable, { devices }: Services): void {
  table.on(routes.listDevices, async () => [...(await devices.list())]);
  table.on(routes.addDevice, ({ body }, signal) => devices.add(body, signal));
  table.on(routes.showDevice, ({ params }) => devices.show(params.name));
  table.on(routes.removeDevice, async ({ params }) => {
    await devices.remove(params.name);
    return {};
  });
  table.on(routes.reclaimDevice, ({ params, body }) => devices.reclaim(params.name, body));
  table.on(routes.checkDevice, ({ params, body }) => devices.check(params.name, body));
  table.on(routes.repairDevice, ({ params, body }) => devices.repair(params.name, body));
}

function registerKeys(table: RouteTable, { keys }: Services): void {
  table.on(routes.listKeys, ({ params }) => keys.list(params.name));
  table.on(routes.addKey, ({ params, body }) => keys.add(params.name, body));
  table.on(routes.changeKey, ({ params, body }) => keys.change(params.name, body));
  table.on(routes.removeKey, async ({ params }) => {
    await keys.remove(params.name, params.slot);
    return {};
  });
  table.on(routes.unlockDevice, async ({ params, body }) => {
    await keys.unlock(params.name, body);
    return {};
  });
}

function registerJobs(table: RouteTable, { jobs }: Services): void {
  table.on(routes.listJobs, async () => [...(await jobs.list())]);
  table.on(routes.addJob, ({ body }) => jobs.add(body));
  table.on(routes.showJob, ({ params }) => jobs.show(params.name));
  table.on(routes.editJob, ({ params, body }) => jobs.edit(params.name, body));
  table.on(routes.removeJob, async ({ params }) => {
    await jobs.remove(params.name);
    return {};
  });
  table.on(routes.runJob, ({ params, body }, signal) => jobs.run(params.name, body.type, signal));
  table.on(routes.previewJob, ({ params }, signal) => jobs.selection(params.name, signal));
}

function registerRuns(table: RouteTable, { runs }: Services): void {
  table.on(routes.listRuns, async ({ query }) => [...(await runs.list(query))]);
  table.on(routes.showRun, async ({ params, query }, signal) => {
    if (query.after === undefined || query.waitMs === 0) return runs.show(params.id);
    const view = await runs.wait(params.id, query.after, query.waitMs, signal);
    // a poll that the stop of the service cut short must not look like an answer that nothing changed
    if (signal.aborted) throw new AppError('SERVICE_STOPPING', 'Cannot wait for the run: the service stops');
    return view;
  });
  table.on(routes.cancelRun, ({ params }) => runs.cancel(params.id));
}

function registerPoints(table: RouteTable, services: Services): void {
  const { points, restore } = services;
  table.on(routes.listPoints, async ({ query }) => [...(await points.list(query))]);
  table.on(routes.showPoint, ({ params }) => points.show(params.id));
  table.on(routes.pinPoint, ({ params, body }) => points.pin(params.id, body));
  table.on(routes.unpinPoint, ({ params }) => points.unpin(params.id));
  table.on(routes.consolidatePoint, ({ params, body }) => points.consolidate(params.id, body));
  table.on(routes.prune, ({ body }, signal) => services.prune(body, signal));
  table.on(routes.rebuild, ({ body }, signal) => services.rebuild(body, signal));
  table.on(routes.planRestore, ({ body }) => restore.plan(body));
  table.on(routes.restoreDisk, ({ body }) => restore.disk(body));
  table.on(routes.planVerify, ({ body }) => services.verify.plan(body));
  table.on(routes.verify, ({ body }) => services.verify.start(body));
}
