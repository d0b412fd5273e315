/** Verifying sets of points: which ones are next, what fits into the budget, and a run with a task for each. */
import { isoTime } from '../../shared/base/clock.ts';
import { AppError } from '../../shared/base/errors.ts';
import {
  type VerifyBody,
  type VerifyPlanView,
  type VerifyStarted,
  verifyBody,
} from '../../shared/contract/verification.ts';
import { type Warning } from '../../shared/contract/ipc.ts';
import { parse } from '../../shared/contract/schema.ts';
import { type SavesetRecord } from '../catalog/saveset-rows.ts';
import { FIRST_LOOK } from '../catalog/verifications.ts';
import { deviceAccess } from '../dispatch/task-spec.ts';
import { chainOf } from '../jobs/chain.ts';
import { nameFilter } from '../jobs/selection.ts';
import { type VerifyService } from '../services.ts';
import { type VerifyCandidate, type VerifyPlan, chainId, planVerify } from '../verify/plan-verify.ts';
import { type ServiceContext, deviceNamed, jobNamed, pointNamed } from './context.ts';

/** Tasks of one run. The rest waits for the next one, like what is above the budget. */
const MAX_TASKS = 10_000;
/** Points that are looked at to say what is left over. */
const MAX_CANDIDATES = 20_000;
const PAGE = 2_000;
const ALL_TIME = '~';
const SHOWN_POINTS = 1_000;

type Asked = ReturnType<typeof askedOf>;

interface Found {
  readonly candidates: readonly VerifyCandidate[];
  /** Points that cannot be read now, and why. */
  readonly obstacles: readonly { readonly point: SavesetRecord; readonly reason: string }[];
  /** False when there were more than are looked at. */
  readonly isComplete: boolean;
}

export function verifyService(context: ServiceContext): VerifyService {
  const planned = async (asked: Asked): Promise<{ readonly plan: VerifyPlan; readonly found: Found }> => {
    const found = await candidatesOf(context, asked);
    const { budgetBytes } = asked;
    return { found, plan: planVerify(found.candidates, { budgetBytes, maxPoints: MAX_TASKS }) };
  };
  return {
    async plan(body) {
      const { plan, found } = await planned(askedOf(body));
      return planView(context, plan, found);
    },
    async start(body) {
      const asked = askedOf(body);
      const { plan, found } = await planned(asked);
      const view = planView(context, plan, found);
      if (plan.taken.length === 0) return { runId: null, ...startedOf(view) };
      return { runId: startRun(context, asked, plan, found), ...startedOf(view) };
    },
  };
}

function askedOf(body: VerifyBody) {
  const asked = parse(verifyBody, body, 'USAGE_INVALID', 'the verification');
  const isSet = asked.all || asked.vms.length + asked.jobs.length + asked.devices.length > 0;
  if (asked.points.length === 0 && !isSet && asked.olderThanMs === undefined) {
    throw new AppError('USAGE_INVALID', 'Cannot tell what to verify: name points, or a set of them');
  }
  if (asked.points.length > 0 && isSet) {
    throw new AppError('USAGE_INVALID', 'Cannot verify points by name and a set of them at once');
  }
  return asked;
}

async function candidatesOf(context: ServiceContext, asked: Asked): Promise<Found> {
  const { catalog, clock } = context;
  const before = asked.olderThanMs === undefined ? ALL_TIME : isoTime(clock.nowMs() - asked.olderThanMs);
  const obstacleOf = obstacleFinder(context);
  const chainLookup = remembering(catalog.savesets.point);
  const candidates: VerifyCandidate[] = [];
  const obstacles: { point: SavesetRecord; reason: string }[] = [];
  const take = async (point: SavesetRecord): Promise<void> => {
    const chain = chainOf(point, chainLookup);
    const reason =
      chain.missing === null
        ? await obstacleOf(chain.points.map(({ deviceId }) => deviceId))
        : `saveset ${chain.missing} of the chain is not there`;
    if (reason === undefined) candidates.push({ point, chain: chain.points });
    else obstacles.push({ point, reason });
  };
  if (asked.points.length > 0) {
    for (const point of namedPoints(context, asked.points)) await take(point);
    const [first] = obstacles;
    if (first !== undefined) throw notReadable(first.point, first.reason);
    return { candidates, obstacles, isComplete: true };
  }
  const isWanted = wantedBy(context, asked);
  for (let after: typeof FIRST_LOOK | null = FIRST_LOOK; after !== null;) {
    const page = catalog.savesets.dueForVerification(after, before, PAGE);
    for (const point of page.points.filter(isWanted)) await take(point);
    if (candidates.length + obstacles.length >= MAX_CANDIDATES)
      return { candidates, obstacles, isComplete: page.next === null };
    after = page.next;
  }
  return { candidates, obstacles, isComplete: true };
}

/** Each once, those that were verified the longest ago first. */
function namedPoints({ catalog }: ServiceContext, ids: readonly string[]): readonly SavesetRecord[] {
  const points = new Map<string, SavesetRecord>();
  for (const text of ids) {
    const point = pointNamed(catalog, text);
    points.set(point.savesetId, point);
  }
  const age = ({ verifiedAt }: SavesetRecord): string => verifiedAt ?? '';
  return [...points.values()].sort((a, b) => (age(a) < age(b) ? -1 : Number(age(a) > age(b))));
}

function wantedBy({ catalog }: ServiceContext, asked: Asked): (point: SavesetRecord) => boolean {
  const isVm = nameFilter(asked.vms);
  const jobs = new Set(asked.jobs.map((name) => jobNamed(catalog, name).name));
  const devices = new Set(asked.devices.map((name) => deviceNamed(catalog, name).deviceId));
  return ({ vmName, job, deviceId }) =>
    isVm(vmName) && (jobs.size === 0 || jobs.has(job)) && (devices.size === 0 || devices.has(deviceId));
}

/** Why one of the devices cannot be read now; each is asked once. */
function obstacleFinder({ catalog, devices }: ServiceContext) {
  const known = new Map<string, string | undefined>();
  return async (deviceIds: readonly string[]): Promise<string | undefined> => {
    for (const deviceId of new Set(deviceIds)) {
      if (!known.has(deviceId)) {
        const device = catalog.devices.byId(deviceId);
        const reason =
          device?.registered === true
            ? await devices.whyOffline(deviceAccess(device))
            : 'it is not registered';
        known.set(deviceId, reason && `device "${device?.name ?? deviceId}": ${reason}`);
      }
      const reason = known.get(deviceId);
      if (reason !== undefined) return reason;
    }
    return undefined;
  };
}

function remembering<T>(lookup: (id: string) => T | undefined): (id: string) => T | undefined {
  const known = new Map<string, T | undefined>();
  return (id) => {
    if (!known.has(id)) known.set(id, lookup(id));
    return known.get(id);
  };
}

function notReadable({ savesetId }: SavesetRecord, reason: string): AppError {
  return new AppError('RESTORE_NOT_POSSIBLE', `Cannot read restore point ${savesetId}: ${reason}`, {
    point: savesetId,
  });
}

function startRun(context: ServiceContext, asked: Asked, plan: VerifyPlan, found: Found): number {
  const { catalog, dispatcher, clock } = context;
  const runId = catalog.transact(() => {
    const startedAt = isoTime(clock.nowMs());
    const run = { kind: 'verify', job: null, requestedType: null, startedAt } as const;
    const id = catalog.runs.insert({ ...run, streamSetting: asked.streams, warnings: warningsOf(found) });
    for (const planned of plan.taken) {
      const { savesetId, deviceId, vmName, createdAt } = planned.point;
      const place = { deviceId, group: chainId(planned) };
      catalog.tasks.insert(id, `${vmName} (${createdAt})`, { kind: 'verify', savesetId, place });
    }
    return id;
  });
  dispatcher.add(runId, [...new Set(plan.taken.map(({ point }) => point.deviceId))]);
  return runId;
}

/** One for each reason, however many points it concerns. */
function warningsOf({ obstacles }: Found): Warning[] {
  const counts = new Map<string, number>();
  for (const { reason } of obstacles) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return [...counts].slice(0, 20).map(([reason, count]) => ({
    code: 'RESTORE_NOT_POSSIBLE',
    message: `Cannot verify ${count === 1 ? 'one point' : `${count} points`}: ${reason}`,
  }));
}

function planView({ catalog }: ServiceContext, plan: VerifyPlan, found: Found): VerifyPlanView {
  const { taken, readBytes, left } = plan;
  return {
    points: taken.slice(0, SHOWN_POINTS).map(({ point, readBytes: bytes }) => ({
      savesetId: point.savesetId,
      vm: point.vmName,
      createdAt: point.createdAt,
      device: catalog.devices.byId(point.deviceId)?.name ?? point.deviceId,
      verifiedAt: point.verifiedAt,
      readBytes: bytes,
    })),
    total: { points: taken.length, readBytes },
    left: {
      ...left,
      isComplete: found.isComplete,
      moreRuns: readBytes === 0 ? left.points : Math.ceil(left.readBytes / readBytes),
    },
    obstacles: warningsOf(found).map(({ message }) => message),
  };
}

function startedOf({ total, left, obstacles }: VerifyPlanView): Omit<VerifyStarted, 'runId'> {
  return { total, left, obstacles };
}
