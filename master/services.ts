/**
 * What the HTTP API sees of the service, one group per kind of object. app.ts fulfils it. Bodies and answers are those of
 * shared/contract/api.ts; every method throws AppError only. A name or id that does not exist is `USAGE_NOT_FOUND`, a prefix that fits
 * several is `USAGE_AMBIGUOUS`, something that is in the way is `USAGE_CONFLICT`; the message names object and kind.
 */
import {
  type CheckBody,
  type DeviceBody,
  type DeviceView,
  type HealthView,
  type JobBody,
  type JobPatch,
  type JobView,
  type PointSummary,
  type PointView,
  type ReclaimBody,
  type RepairBody,
  type RestoreDiskBody,
  type RestorePlanView,
  type RunStarted,
  type RunSummary,
  type RunView,
  type SelectionView,
} from '../shared/contract/api.ts';
import {
  type FingerprintView,
  type ServerBody,
  type ServerTestView,
  type ServerRemoval,
  type ServerView,
  type VmView,
} from '../shared/contract/servers.ts';
import { type VerifyBody, type VerifyPlanView, type VerifyStarted } from '../shared/contract/verification.ts';
import { type InspectBody } from '../shared/contract/vm-inspection.ts';
import { type ConsolidateBody, type ConsolidateView } from '../shared/contract/consolidate.ts';
import {
  type KeyBody,
  type KeySlotView,
  type KeySlotsView,
  type PasswordBody,
} from '../shared/contract/device-keys.ts';
import { type PinBody, type PruneBody, type PruneView } from '../shared/contract/retention.ts';
import { type DeviceAdded, type RebuildBody, type RebuildView } from '../shared/contract/rebuild.ts';
import { type RequestedType } from '../shared/domain/backup-type.ts';

export interface ServerService {
  /** Proves that the login works before anything is kept. */
  add(body: ServerBody, signal: AbortSignal): Promise<ServerView>;
  list(): Promise<readonly ServerView[]>;
  /**
   * Forgets it; what may stay behind on it is told.
   * @throws AppError `USAGE_CONFLICT` while a job names it; `USAGE_BUSY` while a run works on it; `SERVER_SNAPSHOTS_LEFT` without `force`
   */
  remove(
    name: string,
    options?: { readonly force?: boolean; readonly dryRun?: boolean },
  ): Promise<ServerRemoval>;
  test(name: string, signal: AbortSignal): Promise<ServerTestView>;
  /** What the server shows, and whether this host would trust it without a pin. */
  fingerprint(url: string, signal: AbortSignal): Promise<FingerprintView>;
  vms(name: string, signal: AbortSignal): Promise<readonly VmView[]>;
}

export interface DeviceService {
  /** Registers the device in the folder, which is made ready when it is empty, and takes up what is on it: as `rebuild`. */
  add(body: DeviceBody, signal?: AbortSignal): Promise<DeviceAdded>;
  list(): Promise<readonly DeviceView[]>;
  show(name: string): Promise<DeviceView>;
  /** Forgets the device; what is stored on it stays. @throws AppError `USAGE_CONFLICT`, `DEVICE_IN_USE` */
  remove(name: string): Promise<void>;
  /**
   * Starts a run that frees what no restore point uses.
   * @throws AppError `DEVICE_IN_USE` while another one does
   */
  reclaim(name: string, body: ReclaimBody): Promise<RunStarted>;
  /** Starts a run that checks the structure of the device. @throws AppError `DEVICE_IN_USE` */
  check(name: string, body: CheckBody): Promise<RunStarted>;
  /** The same, and salvages what can be read. @throws AppError `DEVICE_IN_USE` */
  repair(name: string, body: RepairBody): Promise<RunStarted>;
}

/** Passwords of encrypted devices; they go in, and none comes out. */
export interface DeviceKeyService {
  list(name: string): Promise<KeySlotsView>;
  /** One more password. @throws AppError `REPO_DEVICE_LOCKED`, `USAGE_INVALID` for a device that is not encrypted */
  add(name: string, body: KeyBody): Promise<KeySlotView>;
  /** Another password in place of the one in use. @throws AppError as `add` */
  change(name: string, body: PasswordBody): Promise<KeySlotView>;
  /** @throws AppError as `add`; `REPO_KEY_SLOT_IN_USE` for the one in use */
  remove(name: string, slotId: string): Promise<void>;
  /** Keeps a password of the device from now on. @throws AppError `REPO_KEY_WRONG` */
  unlock(name: string, body: PasswordBody): Promise<void>;
}

export interface JobService {
  add(body: JobBody): Promise<JobView>;
  list(): Promise<readonly JobView[]>;
  show(name: string): Promise<JobView>;
  /** Changes what the patch names; runs that are under way keep what they began with. */
  edit(name: string, patch: JobPatch): Promise<JobView>;
  /** @throws AppError `USAGE_BUSY` while it runs */
  remove(name: string): Promise<void>;
  selection(name: string, signal: AbortSignal): Promise<SelectionView>;
  /** Resolves when the run is in the catalog; the work goes on after that. */
  run(name: string, type: RequestedType | undefined, signal: AbortSignal): Promise<RunStarted>;
}

export interface RunService {
  list(query: { readonly job?: string | undefined; readonly limit: number }): Promise<readonly RunSummary[]>;
  show(runId: number): Promise<RunView>;
  /** Resolves when the revision is above `after`, at the latest after `waitMs` or when `signal` aborts. */
  wait(runId: number, after: number, waitMs: number, signal: AbortSignal): Promise<RunView>;
  /** Asks for the end of a run; resolves before it has ended. A run that is done stays as it is. */
  cancel(runId: number): Promise<RunView>;
}

export interface PointQuery {
  /** Name, instance UUID or moref. */
  readonly vm?: string | undefined;
  readonly job?: string | undefined;
  /** ISO time; the newest point not after it comes first. */
  readonly before?: string | undefined;
  readonly limit: number;
}

export interface PointService {
  list(query: PointQuery): Promise<readonly PointSummary[]>;
  /** By saveset id or an unambiguous beginning of one (at least four digits). */
  show(idOrPrefix: string): Promise<PointView>;
  /** Keeps it from being deleted, on the device first; a pin that it had is replaced. @throws AppError `DEVICE_OFFLINE` */
  pin(idOrPrefix: string, body: PinBody): Promise<PointView>;
  unpin(idOrPrefix: string): Promise<PointView>;
  /**
   * Makes a full point of its chain, which takes its place.
   * @throws AppError `CONSOLIDATE_NOT_NEEDED` of a full point, `CONSOLIDATE_NOT_POSSIBLE` with what stands in the way; not in a dry run
   */
  consolidate(idOrPrefix: string, body: ConsolidateBody): Promise<ConsolidateView>;
}

export interface RestoreService {
  /** Reads manifests and disk indexes, changes nothing. */
  plan(body: { readonly point: string; readonly disk?: string | undefined }): Promise<RestorePlanView>;
  disk(body: RestoreDiskBody): Promise<RunStarted>;
}

export interface VerifyService {
  /** Which points would be verified now, and what the budget leaves. Changes nothing. */
  plan(body: VerifyBody): Promise<VerifyPlanView>;
  /** Starts a run with a task for each point. @throws AppError `RESTORE_NOT_POSSIBLE` for a named point that cannot be read */
  start(body: VerifyBody): Promise<VerifyStarted>;
}

export interface Services {
  readonly servers: ServerService;
  readonly devices: DeviceService;
  readonly keys: DeviceKeyService;
  readonly jobs: JobService;
  /**
   * Starts a run that looks at the disks of a VM, through a snapshot, and stores nothing.
   * @throws AppError `USAGE_NOT_FOUND`, `USAGE_AMBIGUOUS`, `SNAPSHOT_NOT_POSSIBLE`
   */
  inspect(body: InspectBody, signal: AbortSignal): Promise<RunStarted>;
  readonly runs: RunService;
  readonly points: PointService;
  readonly restore: RestoreService;
  /**
   * What retention keeps and deletes, and unless it is a dry run, the deletion. What was not deleted yet stays when `signal` aborts.
   * @throws AppError `PRUNE_PLAN_CHANGED` when something else would be deleted than `plan` says
   */
  prune(body: PruneBody, signal: AbortSignal): Promise<PruneView>;
  readonly verify: VerifyService;
  /**
   * Reads points, chains, pins and jobs from devices into the catalog; what it knows already stays.
   * @throws AppError `USAGE_BUSY` while another one is under way
   */
  rebuild(body: RebuildBody, signal: AbortSignal): Promise<RebuildView>;
  health(): Promise<HealthView>;
}
