/**
 * The routes of the HTTP API, each written once: the service registers them, the command line calls them, and a test holds
 * docs/protocol/http.md against them.
 */
import { z } from 'zod';
import {
  checkBody,
  deviceBody,
  deviceView,
  healthView,
  jobBody,
  jobPatch,
  pointListQuery,
  pointSummary,
  pointView,
  reclaimBody,
  repairBody,
  restoreDiskBody,
  restorePlanBody,
  restorePlanView,
  runJobBody,
  runListQuery,
  runQuery,
  runStarted,
  runSummary,
  runView,
  selectionView,
} from './api.ts';
import {
  fingerprintBody,
  fingerprintView,
  serverBody,
  serverRemoval,
  serverRemovalQuery,
  serverTestView,
  serverView,
  vmView,
} from './servers.ts';
import { verifyBody, verifyPlanView, verifyStarted } from './verification.ts';
import { consolidateBody, consolidateView } from './consolidate.ts';
import { deviceAdded, rebuildBody, rebuildView } from './rebuild.ts';
import { pinBody, pruneBody, pruneView } from './retention.ts';
import { keyBody, keySlotView, keySlotsView, passwordBody } from './device-keys.ts';
import { attemptId, id, objectName } from './schema.ts';
import { inspectBody } from './vm-inspection.ts';

const none = z.undefined();
type None = typeof none;

/** One call: what its path, query and body may hold, and what it answers. A part that a route does not have is `undefined`. */
export interface Route<
  P extends z.ZodType = z.ZodType,
  Q extends z.ZodType = z.ZodType,
  B extends z.ZodType = z.ZodType,
  A extends z.ZodType = z.ZodType,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `:name` stands for the parameter of that name. */
  readonly path: string;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly answer: A;
  /** HTTP status of a success. */
  readonly status: number;
}

type Part<Name extends string, S extends z.ZodType> =
  z.input<S> extends undefined ? unknown : Readonly<Record<Name, z.input<S>>>;

/** What a caller gives: only the parts that the route has. */
export type RouteInput<R extends Route> = Part<'params', R['params']> &
  Part<'query', R['query']> &
  Part<'body', R['body']>;

/** What the service gets: every part, checked, with its defaults. */
export interface RouteRequest<R extends Route> {
  readonly params: z.output<R['params']>;
  readonly query: z.output<R['query']>;
  readonly body: z.output<R['body']>;
}

interface Parts {
  readonly params?: z.ZodType;
  readonly query?: z.ZodType;
  readonly body?: z.ZodType;
  readonly status?: number;
}

type PartOf<X extends Parts, Name extends keyof Parts> =
  X extends Readonly<Record<Name, infer S extends z.ZodType>> ? S : None;

function route<A extends z.ZodType, X extends Parts = Parts>(
  call: `${Route['method']} ${string}`,
  answer: A,
  parts?: X,
): Route<PartOf<X, 'params'>, PartOf<X, 'query'>, PartOf<X, 'body'>, A> {
  const [method, path] = call.split(' ') as [Route['method'], string];
  return {
    method,
    path,
    params: (parts?.params ?? none) as PartOf<X, 'params'>,
    query: (parts?.query ?? none) as PartOf<X, 'query'>,
    body: (parts?.body ?? none) as PartOf<X, 'body'>,
    answer,
    status: parts?.status ?? 200,
  };
}

const byName = z.strictObject({ name: objectName });
const bySlot = z.strictObject({ name: objectName, slot: attemptId });
const byRunId = z.strictObject({ id: z.coerce.number().pipe(id) });
const byPoint = z.strictObject({
  id: z.string().regex(/^[0-9a-f]{4,16}$/, 'use 4 to 16 hexadecimal digits'),
});
/** The answer of a call that only does something. */
const done = z.strictObject({});

const CREATED = 201;
/** The work goes on after the answer. */
const ACCEPTED = 202;

export const routes = {
  health: route('GET /v1/health', healthView),

  listServers: route('GET /v1/servers', z.array(serverView)),
  addServer: route('POST /v1/servers', serverView, { body: serverBody, status: CREATED }),
  removeServer: route('DELETE /v1/servers/:name', serverRemoval, {
    params: byName,
    query: serverRemovalQuery,
  }),
  testServer: route('POST /v1/servers/:name/test', serverTestView, { params: byName }),
  listVms: route('GET /v1/servers/:name/vms', z.array(vmView), { params: byName }),
  fingerprint: route('POST /v1/fingerprint', fingerprintView, { body: fingerprintBody }),

  listDevices: route('GET /v1/devices', z.array(deviceView)),
  addDevice: route('POST /v1/devices', deviceAdded, { body: deviceBody, status: CREATED }),
  showDevice: route('GET /v1/devices/:name', deviceView, { params: byName }),
  removeDevice: route('DELETE /v1/devices/:name', done, { params: byName }),
  checkDevice: route('POST /v1/devices/:name/check', runStarted, {
    params: byName,
    body: checkBody,
    status: ACCEPTED,
  }),
  repairDevice: route('POST /v1/devices/:name/repair', runStarted, {
    params: byName,
    body: repairBody,
    status: ACCEPTED,
  }),
  listKeys: route('GET /v1/devices/:name/keys', keySlotsView, { params: byName }),
  addKey: route('POST /v1/devices/:name/keys', keySlotView, {
    params: byName,
    body: keyBody,
    status: CREATED,
  }),
  changeKey: route('PUT /v1/devices/:name/keys', keySlotView, { params: byName, body: passwordBody }),
  removeKey: route('DELETE /v1/devices/:name/keys/:slot', done, { params: bySlot }),
  unlockDevice: route('POST /v1/devices/:name/unlock', done, { params: byName, body: passwordBody }),
  reclaimDevice: route('POST /v1/devices/:name/reclaim', runStarted, {
    params: byName,
    body: reclaimBody,
    status: ACCEPTED,
  }),

  listJobs: route('GET /v1/jobs', z.array(jobBody)),
  addJob: route('POST /v1/jobs', jobBody, { body: jobBody, status: CREATED }),
  showJob: route('GET /v1/jobs/:name', jobBody, { params: byName }),
  editJob: route('PUT /v1/jobs/:name', jobBody, { params: byName, body: jobPatch }),
  removeJob: route('DELETE /v1/jobs/:name', done, { params: byName }),
  runJob: route('POST /v1/jobs/:name/run', runStarted, {
    params: byName,
    body: runJobBody,
    status: ACCEPTED,
  }),
  previewJob: route('GET /v1/jobs/:name/selection', selectionView, { params: byName }),

  inspectVm: route('POST /v1/inspect', runStarted, { body: inspectBody, status: ACCEPTED }),

  listRuns: route('GET /v1/runs', z.array(runSummary), { query: runListQuery }),
  showRun: route('GET /v1/runs/:id', runView, { params: byRunId, query: runQuery }),
  cancelRun: route('POST /v1/runs/:id/cancel', runView, { params: byRunId, status: ACCEPTED }),

  listPoints: route('GET /v1/points', z.array(pointSummary), { query: pointListQuery }),
  showPoint: route('GET /v1/points/:id', pointView, { params: byPoint }),
  pinPoint: route('POST /v1/points/:id/pin', pointView, { params: byPoint, body: pinBody }),
  unpinPoint: route('DELETE /v1/points/:id/pin', pointView, { params: byPoint }),
  consolidatePoint: route('POST /v1/points/:id/consolidate', consolidateView, {
    params: byPoint,
    body: consolidateBody,
    status: ACCEPTED,
  }),
  prune: route('POST /v1/prune', pruneView, { body: pruneBody }),

  planRestore: route('POST /v1/restore/plan', restorePlanView, { body: restorePlanBody }),
  restoreDisk: route('POST /v1/restore/disk', runStarted, { body: restoreDiskBody, status: ACCEPTED }),
  planVerify: route('POST /v1/verify/plan', verifyPlanView, { body: verifyBody }),
  rebuild: route('POST /v1/catalog/rebuild', rebuildView, { body: rebuildBody }),
  verify: route('POST /v1/verify', verifyStarted, { body: verifyBody, status: ACCEPTED }),
} as const satisfies Readonly<Record<string, Route>>;
